"""Gateways as production runs them, on free loopback ports of this process's loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette

from gateway.app import create_app
from gateway.hub import Hub
from gateway.server import Server, listen
from gateway.settings import GatewaySettings
from tests.client import PATIENCE, BoardClient, http_client

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Gateway:
    app: Starlette
    server: Server
    task: asyncio.Task[None]
    port: int
    clients: list[BoardClient] = field(default_factory=list)
    dialled: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def hub(self) -> Hub:
        hub: Hub = self.app.state.hub
        return hub

    def client(self, **options: Any) -> BoardClient:
        """A new client; its connection ends with the gateway at the latest."""
        self.clients.append(BoardClient(self.port, **options))
        return self.clients[-1]

    async def dial(self) -> Connection:
        """A bare connection, which ends with the gateway at the latest."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.dialled.append(writer)
        return reader, writer

    async def settle(self, client: BoardClient) -> None:
        """Read all that is due to one of its clients, up to a heartbeat, which comes behind it."""
        await eventually(lambda: all(each.lacks is None for each in self.hub.subscribers))
        beats = len(client.named("heartbeat"))
        for each in self.hub.subscribers:
            each.tell(self.hub.feeds.heartbeat(each.feeds, each.coding))
        await client.read_until(lambda: len(client.named("heartbeat")) > beats)

    def http(self) -> httpx.AsyncClient:
        """A client for plain requests; the caller closes it."""
        return http_client(self.port)

    async def stop(self) -> None:
        """End without grace, whatever the settings."""
        for client in self.clients:
            await client.cut()
        for writer in self.dialled:
            writer.transport.abort()
        if not self.task.done():
            self.server.stop()
            self.server.stop()
        async with asyncio.timeout(PATIENCE):
            await self.task


@asynccontextmanager
async def running(redis_url: str, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway that serves, until the block ends; on a port that is free, unless `port` is given."""
    port = settings.pop("port", 0)
    defaults = {
        "database_url": "postgresql://127.0.0.1:1/none",
        "drain_grace": 0,
        "drain_window": 0,
        # A gateway that stands still for a while is not what a test is about, unless it says so.
        "start_timeout": PATIENCE,
        "linger": 3600,
        "owner_timeout": 3600,
        # All clients of the tests come from one address.
        "requests_per_address": 0,
        "streams_per_address": 0,
        "requests_per_subject": 0,
        "streams_per_subject": 0,
    }
    chosen = GatewaySettings.load(redis_url=redis_url, **{**defaults, **settings})
    app = create_app(chosen)
    sockets = [listen("127.0.0.1", port, chosen)]
    port = sockets[0].getsockname()[1]
    if chosen.admin_port is not None:
        sockets.append(listen(chosen.admin_host, chosen.admin_port, chosen))
    server = Server(app)
    task = asyncio.create_task(server.serve(sockets=sockets))
    gateway = Gateway(app, server, task, port)
    try:
        await eventually(lambda: server.started or task.done())
        assert server.started
        yield gateway
    finally:
        await gateway.stop()


async def eventually(condition: Callable[[], Any], timeout: float = PATIENCE) -> None:  # noqa: ASYNC109  # of a test
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # anything may be waited for
            await asyncio.sleep(0.005)
