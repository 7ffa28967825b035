"""Clients that come, come again and leave, for as long as you like; nothing of them may stay.

    python bench/soak.py [--minutes 1] [--streams 5000] [--rate 50]

A gateway serves the demo city from a real ingester, Valkey and PostgreSQL. First the streams are
opened, then so many clients a second leave (another one comes) or come again with their cursor,
while the agency says something new every few seconds. Seen in /metrics: memory must be flat over
the second half; when all have left, no stream, topic, task or subscription may be left either. No
process may log a warning. Exit code 1 if any of it is otherwise.
"""

import argparse
import asyncio
import random
import resource
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.progress import Progress

from bench.drill.law import hold
from bench.drill.world import World, world
from schemas.tasks import end

RAMP = 250  # new streams a second until all are open
STEP = 5.0  # seconds between two messages of the agency
LOOK = 5.0  # seconds between two looks at /metrics
QUIET = 30.0  # seconds for everything to be put away
FLAT = 0.03  # share by which memory may differ between the third and the last quarter
# What production has, where a drill has less.
SETTINGS = {
    "STOPCAST_WRITE_BUFFER": "65536",
    "STOPCAST_SEND_BUFFER": "65536",
    "STOPCAST_FROZEN_LIMIT": "60",
    "STOPCAST_HEARTBEAT": "15",
    "STOPCAST_START_TIMEOUT": "5",
}

Seen = dict[str, float]
"""What /metrics showed, by name."""


class Phone(asyncio.Protocol):
    """One stream. It keeps nothing of it but the last id."""

    def __init__(self, stop: str, cursor: str) -> None:
        self.stop = stop
        self.cursor = cursor
        self.received = 0
        self._tail = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        resume = f"Last-Event-ID: {self.cursor}\r\n" if self.cursor else ""
        head = f"GET /v1/stops/{self.stop}/stream HTTP/1.1\r\nHost: soak\r\n{resume}"
        transport.write(f"{head}Accept: text/event-stream\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        text = self._tail + data
        if (found := text.rfind(b"\nid: ")) >= 0 and (stop := text.find(b"\n", found + 5)) >= 0:
            self.cursor = text[found + 5 : stop].decode()
        self._tail = text[-40:]  # an id may be cut in two

    @property
    def gone(self) -> bool:
        """The server has closed it, which it has no reason to."""
        return self._transport is None or self._transport.is_closing()

    def leave(self) -> None:
        if self._transport is not None:
            self._transport.abort()


@dataclass
class Soak:
    """The clients, and what was seen of the gateway."""

    drilled: World
    streams: int
    stops: list[str]
    phones: list[Phone] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # bytes, one for each look
    churned: int = 0
    lost: int = 0

    async def connect(self, stop: str, cursor: str = "") -> None:
        loop = asyncio.get_running_loop()
        port = self.drilled.ports[0]
        _, phone = await loop.create_connection(lambda: Phone(stop, cursor), "127.0.0.1", port)
        self.phones.append(phone)

    async def fill(self, console: Console) -> None:
        console.print(f"opening {self.streams:,} streams")
        while len(self.phones) < self.streams:
            await self.connect(random.choice(self.stops))  # noqa: S311  # anywhere
            await asyncio.sleep(1 / RAMP)

    async def churn(self, rate: float) -> None:
        """For ever, so many a second: one leaves and another comes, or one comes again."""
        due = time.monotonic()
        while True:
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            at = random.randrange(len(self.phones))  # noqa: S311  # anyone
            self.phones[at], self.phones[-1] = self.phones[-1], self.phones[at]
            phone = self.phones.pop()
            self.lost += phone.gone
            phone.leave()
            if random.random() < 0.5:  # noqa: S311  # anyone
                await self.connect(phone.stop, phone.cursor)
            else:
                await self.connect(random.choice(self.stops))  # noqa: S311  # anyone
            self.churned += 1

    async def news(self) -> None:
        while True:
            self.drilled.city.step()
            await asyncio.sleep(STEP)

    async def metrics(self) -> Seen:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{self.drilled.ports[0]}/metrics")
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if not sample.labels
        }


async def soak(minutes: float, streams: int, rate: float) -> bool:
    """Whether all was as it must be."""
    console = Console(stderr=True, highlight=False)
    async with world(1, riders=0, **SETTINGS) as drilled:
        await hold(drilled)
        made = Soak(drilled, streams, sorted(drilled.city.boards()))
        before = await made.metrics()
        news = asyncio.create_task(made.news())
        await made.fill(console)
        churning = asyncio.create_task(made.churn(rate))
        with Progress(console=console) as progress:
            task = progress.add_task("churning", total=60 * minutes)
            finish = time.monotonic() + 60 * minutes
            while (left := finish - time.monotonic()) > 0:
                await asyncio.sleep(min(LOOK, left))
                seen = await made.metrics()
                made.memory.append(seen["process_resident_memory_bytes"])
                progress.update(task, completed=60 * minutes - max(left - LOOK, 0))
                if churning.done():
                    churning.result()
        busy = await made.metrics()
        await end([churning, news])
        received = sum(phone.received for phone in made.phones)
        lost = made.lost + sum(phone.gone for phone in made.phones)
        for phone in made.phones:
            phone.leave()
        after = await _put_away(made, before)
        return _report(made, before=before, busy=busy, after=after, lost=lost, received=received)


async def _put_away(made: Soak, before: Seen) -> Seen:
    """What is left, once nothing is or QUIET has passed."""
    began = time.monotonic()
    while True:
        after = await made.metrics()
        after["subscriptions"] = _subscriptions(made.drilled)
        if not _leaks(before, after) or time.monotonic() - began > QUIET:
            return after
        await asyncio.sleep(0.5)


def _subscriptions(drilled: World) -> int:
    with drilled.redis.client() as client:
        return len(client.pubsub_shardchannels())


def _leaks(before: Seen, after: Seen) -> list[str]:
    kept = {"process_open_fds", "stopcast_gateway_tasks"}  # a fd more or less is a poll of Redis's
    names = (
        "stopcast_gateway_streams", "stopcast_gateway_topics", "stopcast_gateway_tasks",
        "process_open_fds", "subscriptions",
    )  # fmt: skip
    return [
        f"{name} was {before.get(name, 0):g} and is {after[name]:g}"
        for name in names
        if after[name] > before.get(name, 0) + 3 * (name in kept)
    ]


def _report(made: Soak, *, before: Seen, busy: Seen, after: Seen, lost: int, received: int) -> bool:
    warnings = _warnings(made.drilled)
    quarter = len(made.memory) // 4
    third = statistics.mean(made.memory[2 * quarter : 3 * quarter])
    last = statistics.mean(made.memory[3 * quarter :])
    wrong = [*_leaks(before, after), *warnings[:10]]
    if last > third * (1 + FLAT):
        wrong.append("memory grows")
    if lost:
        wrong.append(f"{lost} streams were closed by the gateway")
    prefix = "stopcast_gateway_"
    print(
        f"{busy[prefix + 'streams']:,.0f} streams on {busy[prefix + 'topics']:,.0f} stops, "
        f"{made.churned:,} came again or were replaced, "
        f"{busy[prefix + 'streams_opened_total']:,.0f} opened, "
        f"{busy[prefix + 'deliveries_total']:,.0f} deliveries, "
        f"{received / 2**20:,.0f} MiB to the last ones"
    )
    looks = ", ".join(f"{size / 2**20:.1f}" for size in made.memory[:: max(1, quarter // 2)])
    print(f"memory, MiB: {looks}")
    print(f"third quarter {third / 2**20:.1f} MiB, last {last / 2**20:.1f}")
    for name in (f"{prefix}streams", f"{prefix}topics", f"{prefix}tasks", "process_open_fds"):
        print(f"{name}: {before[name]:g} before, {busy[name]:g} busy, {after[name]:g} after")
    print(f"subscriptions left: {after['subscriptions']:g}; warnings: {len(warnings)}")
    print(*wrong or ["nothing stayed"], sep="\n")
    return not wrong


def _warnings(drilled: World) -> list[str]:
    return [
        f"{process.name}: {line}"
        for process in drilled.processes
        for line in process.log.read_text(errors="replace").splitlines()
        if any(mark in line for mark in ('"warning"', '"error"', "Traceback", "Warning"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=50, help="clients a second")
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no process is left behind
    sys.exit(not asyncio.run(soak(given.minutes, given.streams, given.rate)))


if __name__ == "__main__":
    main()
