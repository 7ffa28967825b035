"""A GTFS-Realtime source over HTTP: one current message per path, as an agency serves them."""

import hashlib
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from typing import Protocol

import uvicorn
from google.protobuf import json_format
from google.transit.gtfs_realtime_pb2 import FeedMessage
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import StatelessLifespan

from feeds.realtime.captures import capture_time
from feeds.sources.clock import CLOCK_HEADER, Reading
from schemas.errors import StopcastError


class SourceError(StopcastError):
    """The address cannot be served."""


class Messages(Protocol):
    """Makes or finds the binary FeedMessage that was current at a time (POSIX seconds)."""

    @property
    def names(self) -> Sequence[str]: ...

    def message(self, name: str, time: float) -> bytes: ...


class Source:
    """Answers at `/<name>` with the message of that name as of the clock's time.

    ETag and Last-Modified (the message's own timestamp) serve conditional requests, and where
    `announce_clock` is set each answer tells the clock in `X-Stopcast-Clock`.
    """

    def __init__(
        self, messages: Messages, clock: Callable[[], Reading], *, announce_clock: bool
    ) -> None:
        self.messages = messages
        self.clock = clock
        self.announce_clock = announce_clock
        self.served: dict[str, tuple[bytes, dict[str, str]]] = {}  # by name, with its validators

    def app(
        self,
        *,
        step: Callable[[Request], Awaitable[Response]] | None = None,
        lifespan: StatelessLifespan[Starlette] | None = None,
    ) -> Starlette:
        routes = [Route(f"/{name}", self.serve, name=name) for name in self.messages.names]
        routes.append(Route("/clock", self.show_clock))
        if step:
            routes.append(Route("/step", step, methods=["POST"]))
        gzip = Middleware(GZipMiddleware, compresslevel=1)  # made on each answer, for one machine
        return Starlette(routes=routes, middleware=[gzip], lifespan=lifespan)

    async def serve(self, request: Request) -> Response:
        reading = self.clock()
        message, headers = self.current(request.url.path.removeprefix("/"), reading.time)
        if self.announce_clock:
            headers = {**headers, CLOCK_HEADER: reading.header()}
        if request.query_params.get("format") == "json":
            text = json_format.MessageToJson(FeedMessage.FromString(message), indent=2)
            return Response(text, media_type="application/json")
        if unchanged(request, headers):
            return Response(status_code=304, headers=headers)
        return Response(message, headers=headers, media_type="application/x-protobuf")

    def current(self, name: str, time: float) -> tuple[bytes, dict[str, str]]:
        message = self.messages.message(name, time)
        served = self.served.get(name)
        if served is None or served[0] is not message:
            served = self.served[name] = (message, validators(message))
        return served

    async def show_clock(self, request: Request) -> Response:  # noqa: ARG002  # an endpoint's signature
        return JSONResponse(self.clock()._asdict())


def validators(message: bytes) -> dict[str, str]:
    digest = hashlib.blake2b(message, digest_size=12).hexdigest()
    return {
        "ETag": f'W/"{digest}"',  # weak: gzip changes the bytes, not what they say
        "Last-Modified": formatdate(capture_time(message), usegmt=True),
    }


def unchanged(request: Request, headers: dict[str, str]) -> bool:
    """RFC 9110 section 13.2.2: If-None-Match decides where it is given, dates otherwise."""
    if (tags := request.headers.get("if-none-match")) is not None:
        return headers["ETag"] in (tag.strip() for tag in tags.split(","))
    # A client sends back the date that it got; any other one is not worth understanding.
    return request.headers.get("if-modified-since") == headers["Last-Modified"]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        SourceError: the address is taken or not of this machine.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise SourceError(f"cannot listen on {host}:{port}: {error.strerror}") from None


def urls(names: Sequence[str], listener: socket.socket) -> list[str]:
    host, port = listener.getsockname()[:2]
    return [f"http://{host}:{port}/{name}" for name in names]


def serve(app: Starlette, listener: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    # uvicorn raises the signal again when it has ended; being asked to end is no failure.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
