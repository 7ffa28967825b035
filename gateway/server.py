"""uvicorn as Stopcast needs it: the listening socket, the transport in the scope, and draining.

`StreamProtocol` rests on internals of the pinned uvicorn: tests/integration/streams/test_server.py.
"""

import asyncio
import random
import socket
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.hub import Hub
from gateway.settings import GatewaySettings
from gateway.stream import TRANSPORT
from schemas.errors import StopcastError

log = structlog.get_logger()

BACKLOG = 4096
# Longer than the idle time after which load balancers drop a connection (60 s is common).
KEEP_ALIVE = 75
# Streams are gone by then: what is left are plain requests and clients that take nothing.
GRACEFUL_SHUTDOWN = 5
# Seconds between two groups of goodbyes.
DRAIN_STEP = 0.05


class BindError(StopcastError):
    """The address cannot be listened on."""


class StreamProtocol(HttpToolsProtocol):
    """Puts the connection's transport into the ASGI scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._extensions = {TRANSPORT: transport}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # ours


def listen(host: str, port: int, send_buffer: int) -> socket.socket:
    """A bound socket whose connections inherit a bounded SO_SNDBUF.

    Without the bound the kernel takes megabytes of old patches for a client that does not read,
    and its stream never seems slow.

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
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
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
        super().__init__(
            uvicorn.Config(
                app,
                http=StreamProtocol,
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
