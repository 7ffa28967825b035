"""Gateways as production runs them, on free loopback ports of this process's loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette

from gateway.app import create_app
from gateway.hub import Hub
from gateway.server import Server, listen
from gateway.settings import GatewaySettings
from tests.client import PATIENCE, BoardClient


@dataclass
class Gateway:
    app: Starlette
    server: Server
    task: asyncio.Task[None]
    port: int
    clients: list[BoardClient] = field(default_factory=list)

    @property
    def hub(self) -> Hub:
        hub: Hub = self.app.state.hub
        return hub

    def client(self, **options: Any) -> BoardClient:
        """A new client; its connection ends with the gateway at the latest."""
        self.clients.append(BoardClient(self.port, **options))
        return self.clients[-1]

    async def stop(self) -> None:
        """End without grace, whatever the settings."""
        for client in self.clients:
            await client.cut()
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
        # All clients of the tests come from one address.
        "requests_per_address": 0,
        "streams_per_address": 0,
        "requests_per_subject": 0,
        "streams_per_subject": 0,
    }
    chosen = GatewaySettings.load(redis_url=redis_url, **{**defaults, **settings})
    app = create_app(chosen)
    bound = listen("127.0.0.1", port, chosen)
    server = Server(app)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    gateway = Gateway(app, server, task, bound.getsockname()[1])
    await eventually(lambda: server.started)
    try:
        yield gateway
    finally:
        await gateway.stop()


async def eventually(condition: Callable[[], Any], timeout: float = PATIENCE) -> None:  # noqa: ASYNC109  # of a test
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # anything may be waited for
            await asyncio.sleep(0.005)
