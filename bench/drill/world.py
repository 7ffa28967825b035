"""Everything that a drill drives: the real processes, their ways to Redis, the riders."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from redis.exceptions import RedisError

from bench.drill.city import ALERTS, BEGIN, FEED_ID, City, served
from bench.drill.process import Process
from bench.drill.redis_server import Redis
from bench.drill.relay import Relay
from bench.drill.rider import Rider
from feeds.gtfs.schedule_import import import_schedule
from feeds.sources.demo.schedule import write_demo_schedule
from feeds.timetable.stored_schedule import timetable_at
from feeds.timetable.timetable import Timetable
from schemas import keys
from schemas.database import connect, migrate
from schemas.local.embedded import free_port, postgres
from schemas.tasks import end

RIDERS = 8
POLL = 0.2  # seconds
START = 60.0  # seconds for processes to start
# Small buffers, so that slow riders are conflated within a schedule; else what production has, but
# for the two sweeps: one gateway heals a lost message by itself at once, one only by the default.
GATEWAY = {
    "STOPCAST_DRAIN_GRACE": "0.2",
    "STOPCAST_DRAIN_WINDOW": "1",
    "STOPCAST_WRITE_BUFFER": "4096",
    "STOPCAST_SEND_BUFFER": "4096",
    "STOPCAST_FROZEN_LIMIT": "5",
    "STOPCAST_HEARTBEAT": "1",
    "STOPCAST_LINGER": "1",
    "STOPCAST_TAIL_PATCHES": "8",
    "STOPCAST_START_TIMEOUT": "2",
    # At work, but out of reach: all riders have one address.
    "STOPCAST_REQUESTS_PER_ADDRESS": "1000000",
    "STOPCAST_STREAMS_PER_ADDRESS": "1000000",
}
SWEEPS = ("2", "30")


class World:
    """Two gateways, two ingesters (one stands by), Redis, Postgres, an agency, riders."""

    def __init__(
        self,
        folder: Path,
        redis: Redis,
        city: City,
        database_url: str,
        settings: Mapping[str, str],
    ) -> None:
        """`settings` of the gateways, as in the environment, beside those above."""
        self.folder = folder
        self.redis = redis
        self.city = city
        self.redis_busy = asyncio.Lock()  # held by the fault that has Redis
        self.agency_busy = asyncio.Lock()
        self.relays = {
            name: Relay(lambda: redis.port)
            for name in ("gateway-0", "gateway-1", "ingester-0", "ingester-1")
        }
        self.ports = [free_port(), free_port()]
        self.database_url = database_url
        self.settings = settings
        self.gateways: list[Process] = []
        self.ingesters: list[Process] = []
        self.riders: list[Rider] = []
        self.kept = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def processes(self) -> list[Process]:
        return [*self.gateways, *self.ingesters]

    async def start(self) -> None:
        """Start all, and wait until riders are served."""
        config = self.folder / "stopcast.toml"
        config.write_text(
            f"[feeds.{FEED_ID}]\nquiet = 0\n"
            f"[[feeds.{FEED_ID}.endpoints]]\n"
            f"url = {self.city.url!r}\ninterval = {POLL}\nclock = true\n"
            f"[[feeds.{FEED_ID}.endpoints]]\n"
            f"url = {self.city.url.rstrip('/') + ALERTS!r}\ninterval = {POLL}\n"
        )
        for relay in self.relays.values():
            await relay.open()
        for number, port in enumerate(self.ports):
            arguments = ["gateway", "--port", str(port)]
            settings = {**GATEWAY, "STOPCAST_SWEEP": SWEEPS[number], **self.settings}
            self.gateways.append(self._process(f"gateway-{number}", arguments, settings))
        for number in range(2):
            arguments = ["feeds", "ingest", "--config", str(config)]
            self.ingesters.append(self._process(f"ingester-{number}", arguments, {}))
        for process in self.processes:
            process.start()
        for gateway in self.gateways:
            await self.ready(gateway)

    def _process(self, name: str, arguments: list[str], settings: Mapping[str, str]) -> Process:
        env = {
            "REDIS_URL": self.relays[name].url,
            "DATABASE_URL": self.database_url,
            **settings,
        }
        return Process(name, arguments, env, self.folder / f"{name}.log")

    def board(self, riders: int, seed: int) -> None:
        """Let riders board: half of them follow one stop, half of them several."""
        chance = random.Random(seed)  # noqa: S311  # made-up riders
        stops = sorted(self.city.boards())
        for number in range(riders):
            followed = chance.sample(stops, 1 if number % 2 else chance.randint(2, 12))
            rider = Rider(f"rider-{number}", self.ports, followed, seed + number)
            self.riders.append(rider)
            self._tasks.append(asyncio.create_task(rider.run()))

    async def ready(self, gateway: Process) -> None:
        """Wait until a gateway serves.

        Raises:
            TimeoutError: it does not.
            RuntimeError: it has ended instead; the end of its log is the text.
        """
        url = f"http://127.0.0.1:{self.ports[self.gateways.index(gateway)]}/healthz"
        async with asyncio.timeout(START), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.TransportError as error:
                    if not gateway.pid:
                        raise RuntimeError(gateway.log.read_text()[-2000:]) from error
                await asyncio.sleep(0.05)

    def owner(self) -> Process | None:
        """Whose pid the lease has, by Redis's own word."""
        try:
            with self.redis.client() as client:
                lease: Any = client.get(keys.lease(FEED_ID))
        except RedisError:  # it is away
            return None
        for ingester in self.ingesters:
            if lease and ingester.pid and f":{ingester.pid} ".encode() in lease:
                return ingester
        return None

    def check_riders(self) -> None:
        """Raise what ended a rider, which nothing may."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def keep(self) -> Path:
        """Let the logs outlive this world, with what the gateways count; their folder."""
        self.kept = True
        async with httpx.AsyncClient() as client:
            for gateway, port in zip(self.gateways, self.ports, strict=True):
                try:
                    counted = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
                except httpx.TransportError as error:
                    counted = repr(error)
                gateway.log.with_suffix(".metrics").write_text(counted)
        return self.folder

    async def end(self) -> None:
        await end(self._tasks)
        for process in self.processes:
            process.kill()
        for relay in self.relays.values():
            relay.close()
        if not self.kept:
            shutil.rmtree(self.folder, ignore_errors=True)


async def _timetable(database_url: str, folder: Path) -> Timetable:
    await migrate(database_url)
    schedule = folder / "demo.zip"
    write_demo_schedule(schedule)
    async with connect(database_url) as connection:
        await import_schedule(str(schedule), FEED_ID, connection)
        timetable = await timetable_at(connection, FEED_ID, BEGIN)
    assert timetable is not None
    return timetable


@asynccontextmanager
async def world(seed: int, *, riders: int = RIDERS, **settings: str) -> AsyncIterator[World]:
    """A world that runs until the block ends; `settings` as of World."""
    folder = Path(tempfile.mkdtemp(prefix="stopcast-drill-"))
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(Redis())
        url = stack.enter_context(postgres())
        city = City(await _timetable(url, folder), seed)
        await stack.enter_async_context(served(city))
        made = World(folder, redis, city, url, settings)
        stack.push_async_callback(made.end)
        await made.start()
        made.board(riders, seed)
        yield made
