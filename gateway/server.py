"""uvicorn as Stopcast needs it: the listening socket, who is cut, and draining."""

import asyncio
import random
import socket
import sys
from functools import partial
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette

from gateway.hub import Hub
from gateway.idle import Idle
from gateway.intake import Intake
from gateway.protocol import StreamProtocol
from gateway.settings import GatewaySettings
from gateway.subscriber import GOODBYE_TIMEOUT
from schemas.errors import StopcastError

log = structlog.get_logger()

BACKLOG = 4096
# Longer than the idle time after which load balancers drop a connection (60 s is common).
KEEP_ALIVE = 75
# Streams are gone by then: what is left are plain requests and clients that take nothing.
GRACEFUL_SHUTDOWN = 5
# Tasks are cancelled, Redis and Postgres are left.
OWN_END = 2
# Seconds between two groups of goodbyes.
DRAIN_STEP = 0.05


def longest_stop(grace: float, window: float) -> float:
    """Seconds from the first SIGTERM to the end of the process, if all goes badly."""
    return grace + window + GOODBYE_TIMEOUT + GRACEFUL_SHUTDOWN + OWN_END


class BindError(StopcastError):
    """The address cannot be listened on."""


def listen(
    host: str, port: int, settings: GatewaySettings, *, shared: bool = False
) -> socket.socket:
    """A bound socket; connections inherit what bounds a client that does not read.

    SO_SNDBUF: else the kernel takes megabytes of old patches for it, and its stream never seems
    slow. TCP_USER_TIMEOUT: the kernel aborts it after the frozen limit, however little it was sent.
    `shared`: other sockets may bind to the same port in the same way.

    Raises:
        BindError: names the address and the reason.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, proto)
    except OSError as error:
        raise BindError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.send_buffer)
        if sys.platform == "linux":
            limit = max(1, round(settings.frozen_limit * 1000))
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise BindError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return bound


class Server(uvicorn.Server):
    """Stops in two steps: the first signal drains, the second hurries, the third forces."""

    def __init__(self, app: Starlette) -> None:
        self._state = app.state
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._intake = Intake(app.state.hub.counts, app.state.answer_headers)
        self._idle = Idle(app.state.hub.counts)
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(StreamProtocol, self._intake, self._idle),  # type: ignore[arg-type]  # it is called
                proxy_headers=False,  # gateway/limits/address.py
                ws="none",
                lifespan="on",
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACEFUL_SHUTDOWN,
                access_log=False,  # gateway/request_log.py
                log_config=None,
                server_header=False,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started and sockets:  # not before: whoever reads it asks at once
            host, port = sockets[0].getsockname()[:2]
            log.info("listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        self._cut_unfinished()
        return await super().on_tick(counter)

    def _cut_unfinished(self) -> None:
        """Whoever connects and never asks, or never ends asking, holds a file for ever else."""
        for connection in self._intake.overdue(asyncio.get_running_loop().time()):
            self._intake.end(connection)
            self._intake.counts.unfinished += 1
            connection.transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # uvicorn's
        """A signal. Not kept for later: having drained, the process ends well."""
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self.stop)

    def stop(self) -> None:
        """Begin to stop; called again: sooner."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        elif not self._hurry.is_set():
            self._hurry.set()
        else:
            self.force_exit = True

    async def _drain(self) -> None:
        settings: GatewaySettings = self._state.settings
        hub: Hub = self._state.hub
        try:
            self._state.draining = True
            log.info("draining", streams=len(hub.subscribers), grace=settings.drain_grace)
            await self._pause(settings.drain_grace)
            self._state.closing = True
            await self._close_streams(hub, settings.drain_window)
        finally:
            self.should_exit = True

    async def _close_streams(self, hub: Hub, window: float) -> None:
        """In random order, spread over the window, so that they do not all come back at once."""
        streams = list(hub.subscribers)  # no new ones: they are refused by now
        random.shuffle(streams)
        loop = asyncio.get_running_loop()
        began, done = loop.time(), 0
        while done < len(streams):
            late = self._hurry.is_set() or loop.time() - began >= window
            share = 1 if late else (loop.time() - began) / window
            until = round(share * len(streams))
            for subscriber in streams[done:until]:
                hub.close(subscriber, "draining")
            done = until
            if not any(subscriber in hub.subscribers for subscriber in streams[done:]):
                break
            await self._pause(DRAIN_STEP)
        await hub.closed()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
