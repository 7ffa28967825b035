"""Asking gateways that have limits."""

from dataclasses import dataclass
from typing import Any, ClassVar

import httpx

from tests.client import BoardClient
from tests.gateways import Gateway

# What Redis counts of who asks from this machine.
ADDRESS = "stopcast:limit:address:127.0.0.1"
PROXIED = {"trusted_proxies": "127.0.0.0/8"}


@dataclass
class Clock:
    """What limits take for Redis's clock: it stands still, so that nothing becomes free by itself."""

    KEY: ClassVar = "clock"

    redis: Any
    now: float

    async def pass_time(self, seconds: float) -> None:
        self.now += seconds
        await self.redis.set(self.KEY, self.now)


async def get(gateway: Gateway, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with gateway.http() as client:
        return await client.request(method, path, headers=headers)


async def connected(client: BoardClient, stop: str, **headers: str) -> str:
    """`snapshot`, or the reason of a goodbye."""
    assert await client.connect(stop, headers=headers) == 200
    await client.read_until(lambda: client.named("snapshot", "goodbye"))
    last = client.events[-1]
    return str(last.data["reason"]) if last.name == "goodbye" else last.name
