"""Two gateways are replaced one after the other under load, and no rider loses anything."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from bench.drill.process import Process
from schemas.event_reader import Event
from schemas.live import LiveStore
from schemas.local.embedded import free_port
from schemas.tasks import end
from tests.client import PATIENCE, BoardClient
from tests.publisher import Publisher

PHONES = 40
STOPS = 10
PAUSE = 0.05  # seconds between two publications of all stops
LOOK = 0.1  # seconds between two looks of the load balancer


class Balancer:
    """Knows which gateways may get new connections: those that are ready, as it last saw."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self.ready: list[int] = []

    async def run(self) -> None:
        async with httpx.AsyncClient() as http:
            while True:
                self.ready = [port for port in self._ports if await _ready(http, port)]
                await asyncio.sleep(LOOK)

    async def sees(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.ready) != count:  # noqa: ASYNC110  # it only looks
                await asyncio.sleep(LOOK)


async def _ready(http: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.TransportError:
        return False


class Phone(BoardClient):
    """Comes back as an EventSource does, and remembers what it held when each patch came."""

    def __init__(self, balancer: Balancer, stops: Sequence[str]) -> None:
        super().__init__(0)
        self.balancer = balancer
        self.stops = stops
        self.steps: list[tuple[str, int, int]] = []  # stop, version held, version of the patch
        self.ends: list[str] = []
        self.waits: list[float] = []

    async def run(self) -> None:
        """Follow, for ever. A stream that breaks without a goodbye raises."""
        left = time.monotonic()
        while True:
            while not await self._accepted():  # noqa: ASYNC110  # it only asks again
                await asyncio.sleep(LOOK)
            await self.read_until(lambda: self.events)
            if self.events[0].name != "goodbye":
                self.waits.append(time.monotonic() - left)
            while not self.ended:
                await self.read(65536)
            left = left if self.names() == ["goodbye"] else time.monotonic()
            self.ends.append(str(self.events[-1].data))
            assert self.retry is not None
            await asyncio.sleep(self.retry / 1000)

    async def _accepted(self) -> bool:
        """Ask one of the gateways that were ready; as the balancer saw it, which may be a while ago."""
        if not self.balancer.ready:
            return False
        self.port = random.choice(self.balancer.ready)  # noqa: S311  # as good as any
        try:
            return await self.connect(*self.stops) == 200
        except OSError:
            return False

    def _apply(self, event: Event) -> None:
        if event.name == "patch":
            stop, version = event.data["stop_id"], event.data["version"]
            held = self.boards[stop]["version"]
            if version > held:  # else one that it had already
                self.steps.append((stop, held, version))
        super()._apply(event)


class Publishing:
    """All stops again and again; `followed` has for each stop and version the version before."""

    def __init__(self, demo: Publisher, stops: Sequence[str]) -> None:
        self.followed: dict[tuple[str, int], int] = {}
        self._demo = demo
        self._stops = stops
        self._enough = False

    async def run(self) -> None:
        while not self._enough:
            before = self._versions()
            await self._demo.publish(*self._stops)
            now = self._versions()
            self.followed.update({(stop, now[stop]): before[stop] for stop in self._stops})
            await self._demo.tell()
            await asyncio.sleep(PAUSE)

    def end(self) -> None:
        """After this round: cancelled, it could have published what it did not note."""
        self._enough = True

    def _versions(self) -> dict[str, int]:
        return {stop: self._demo.boards[stop]["version"] for stop in self._stops}


@pytest.fixture
async def demo(valkey_url: str) -> AsyncIterator[Publisher]:
    live = LiveStore.connect(valkey_url)
    await live.redis.flushall()
    yield await Publisher.own(live)
    await live.close()


async def test_a_rolling_restart_loses_nothing(
    demo: Publisher, valkey_url: str, tmp_path: Path
) -> None:
    stops = [demo.stop(str(number)) for number in range(STOPS)]
    await demo.publish(*stops)
    publishing = Publishing(demo, stops)
    ports = [free_port(), free_port()]
    env = {
        "REDIS_URL": valkey_url,
        "DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "STOPCAST_DRAIN_GRACE": "0.5",
        "STOPCAST_DRAIN_WINDOW": "1",
        "STOPCAST_START_TIMEOUT": str(PATIENCE),
    }
    gateways = [
        Process(f"gateway-{port}", ["gateway", "--port", str(port)], env, tmp_path / str(port))
        for port in ports
    ]
    balancer = Balancer(ports)
    phones = [Phone(balancer, random.sample(stops, 1 + number % 3)) for number in range(PHONES)]
    async with AsyncExitStack() as stack:
        for phone in phones:
            stack.push_async_callback(phone.cut)
        for gateway in gateways:
            stack.callback(gateway.kill)
            gateway.start()
        tasks = [asyncio.create_task(balancer.run())]
        stack.push_async_callback(end, tasks)
        await balancer.sees(2)
        following = [asyncio.create_task(phone.run()) for phone in phones]
        published = asyncio.create_task(publishing.run())
        tasks += [*following, published]
        async with asyncio.timeout(PATIENCE):
            while not all(phone.boards for phone in phones):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
        for gateway in gateways:
            await gateway.drain(PATIENCE)
            await balancer.sees(1)
            gateway.start()
            await balancer.sees(2)
        publishing.end()
        await published
        async with asyncio.timeout(PATIENCE):
            while not all(map(_agrees, phones, [demo] * PHONES)):
                for task in following:
                    if task.done():
                        task.result()
                await asyncio.sleep(LOOK)
    for phone in phones:
        assert phone.ends
        assert set(phone.ends) == {"{'reason': 'draining'}"}
        for stop, held, version in phone.steps:
            assert publishing.followed[stop, version] == held
    moved = [wait for phone in phones for wait in phone.waits[1:]]
    print(f"{len(moved)} moves, longest wait {max(moved):.2f} s")  # noqa: T201  # for -s


def _agrees(phone: Phone, demo: Publisher) -> bool:
    return phone.boards == {stop: demo.boards[stop] for stop in phone.stops}
