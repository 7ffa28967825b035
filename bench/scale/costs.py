"""What the model needs and no other bench measures: python -m bench.scale.costs

In CPU time, of this process and of a Valkey beside it, so other work on the machine counts little.
"""

import asyncio
import os
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvloop
from redis.asyncio import Redis

from bench.fanout.publishers import BoardPublisher
from gateway.coding import GZIP
from gateway.event import Batch
from gateway.feed_states import FeedStates
from gateway.limits.caller import Limit
from gateway.limits.ledger import Ledger
from gateway.settings import GatewaySettings
from gateway.topic import Topic
from schemas import keys, shards
from schemas.feed_state import FeedState
from schemas.live import LiveStore
from schemas.local.embedded import valkey
from schemas.stored_board import Message

STOPS, FEEDS, CALLERS = 10_000, 1_000, 15_000
LEASE = 30.0  # seconds, the default
PATCH = 1_000  # bytes
MESSAGES, PIPELINES = 8_000, 200  # at least
TOGETHER, GATEWAYS = (2, 10, 200), (0, 1, 10, 40)
ALONE, CLUSTER = 100, 1  # boards or callers in one script
# Python has up to 2,000 freed tuples in store: patches that take theirs from there cost nothing.
FREE = 2_500


class Spent:
    """CPU seconds of this process and of Redis while something was done."""

    ours = redis = 0.0


@asynccontextmanager
async def spent(redis: Redis) -> AsyncIterator[Spent]:
    used, before, began = Spent(), await _cpu(redis), time.process_time()
    yield used
    used.ours = time.process_time() - began
    used.redis = await _cpu(redis) - before


async def _cpu(redis: Redis) -> float:
    cpu: dict[str, float] = await redis.info("cpu")
    return cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"]


def kept_patch(*, joined: bool, patches: int = 500) -> float:
    """Bytes that a patch takes in a tail, beside those of its frame and of its gzip chunks."""
    others, topic = _topic(), _topic()
    _patch(others, FREE, joined=joined)
    tracemalloc.start()
    contents = _patch(topic, patches, joined=joined)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (taken - contents) / patches


def _topic() -> Topic:
    topic = Topic("bench:1", max_patches=100, max_bytes=65_536)
    topic.apply(Message(0, 1 << 50, 1, b"event: snapshot\ndata: {}\n\n"))
    return topic


def _patch(topic: Topic, patches: int, *, joined: bool) -> int:
    """The bytes of so many patches, as they came and as they were sent."""
    contents = 0
    for _ in range(patches):
        frame = b"event: patch\ndata: %b\n\n" % os.urandom(PATCH // 2).hex().encode()
        message = Message(topic.version, topic.version + 1_000, 1, frame).encode()
        event = topic.apply(Message.decode(message))
        assert event is not None
        contents += len(event.frame) + len(Batch([event], numbered=True)[GZIP])
        if joined:  # by somebody, when it was not the last any more
            contents += len(event.chunk(GZIP, numbered=False))
    return contents


async def comparing(live: LiveStore) -> Spent:
    """What a gateway does every `STOPCAST_SWEEP` for each stop that it follows, a thousand times."""
    stops = [f"bench:{number}" for number in range(STOPS)]
    async with spent(live.redis) as used:
        await live.versions(stops)
    return _each(used, STOPS)


async def looking(live: LiveStore) -> tuple[Spent, int]:
    """What it does every `STOPCAST_FEED_POLL` for each feed; and a state's bytes."""
    for number in range(FEEDS):
        lease = await live.acquire(f"bench-{number}", "bench", 3600)
        assert lease is not None
        await live.tell(lease, _state(f"bench-{number}"))
    size = sum(len(str(k)) + len(v) for k, v in _state("bench-100").encode().items())
    states = FeedStates(live, GatewaySettings())
    await states.poll()
    async with spent(live.redis) as used:
        await states.poll()
    return _each(used, FEEDS), size


def _state(feed: str) -> FeedState:
    """With one endpoint and one agency, and nothing found to be wrong."""
    now = time.time()
    endpoint = {"url": "https://example.org/gtfs-rt/trip-updates.pb", "status": "live", "polls": 9_999,
                "failures": 12, "messages": 9_900, "last_success": now, "timestamp": now,
                "success_rate": 0.998, "fetch_seconds": 812.1234, "decode_seconds": 99.1234, "quality": {}}  # fmt: skip
    agency = {"agency_id": "1", "name": "Transit of the town", "url": "https://example.org",
              "timezone": "Europe/Berlin", "language": "de", "phone": "+49 30 1234567"}  # fmt: skip
    schedule = {"version": 17, "feed_version": "2026-11-21", "stops": 1_000, "routes": 40,
                "trips": 12_345, "first_day": "2026-11-01", "last_day": "2026-12-12"}  # fmt: skip
    publishing = {"boards": 1_234_567, "seconds": 1_234.5678}
    report = {"endpoints": [endpoint], "quality": {}, "publishing": publishing,
              "agencies": [agency], "schedule": schedule, "attributions": []}  # fmt: skip
    return FeedState(
        feed, "live", int(now), now, now, 1.0, "host-1234", 0, complete=True, report=report
    )


async def renewing(url: str, redis: Redis, batch: int) -> tuple[Spent, float]:
    """A round of leases, with each stream a caller of its own; and a caller's bytes."""
    reached = shards.connect(url)
    reached.batch = batch
    ledger, limit = Ledger(reached, LEASE), Limit("subject", 600, 50)
    for number in range(CALLERS):
        ledger.caller(limit, f"{number:032x}").streams = 1
    run = asyncio.create_task(ledger.run())
    await asyncio.sleep(LEASE / 3 * 1.1)  # a round, in which the keys are made
    async with spent(redis) as used:
        await asyncio.sleep(LEASE / 3)
    run.cancel()
    size = await redis.memory_usage(keys.limit("subject", f"{1:032x}"))
    await reached.close()
    return _each(used, CALLERS), float(size or 0)


class Deaf(asyncio.Protocol):
    """A gateway that does nothing with what it hears."""

    def __init__(self) -> None:
        self.heard = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as it is
        for topic in range(STOPS // 10):
            transport.write(b"SSUBSCRIBE stopcast:patches:{bench:%d}\r\n" % topic)

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)


async def publishing(url: str, redis: Redis, gateways: int, together: int, batch: int) -> float:
    """Redis's seconds for a publication while so many listen to it.

    `together` go in one pipeline, and `batch` of them in one script.
    """
    loop, port = asyncio.get_running_loop(), int(url.rsplit(":", 1)[1].partition("/")[0])
    deaf = [await loop.create_connection(Deaf, "127.0.0.1", port) for _ in range(gateways)]
    publisher = await BoardPublisher.own(url, snapshot=PATCH)
    publisher.live.shards.batch = batch
    topics, messages = range(STOPS // 10), max(MESSAGES, together * PIPELINES)
    await publisher.publish(topics, PATCH)
    await asyncio.sleep(0.5)
    async with spent(redis) as used:
        for start in range(0, messages, together):
            await publisher.publish(
                [n % len(topics) for n in range(start, start + together)], PATCH
            )
        while sum(ear.heard for _, ear in deaf) < gateways * messages * PATCH:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for transport, _ in deaf:
        transport.abort()
    await redis.flushdb()
    await publisher.live.close()
    return used.redis / messages


def _each(used: Spent, count: int) -> Spent:
    used.ours /= count
    used.redis /= count
    return used


async def main() -> None:
    for joined in (False, True):
        print(f"patch kept: {kept_patch(joined=joined):.0f} bytes beside its content, {joined=}")
    async with AsyncExitStack() as stack:
        url = stack.enter_context(valkey())
        live = LiveStore.connect(url)
        stack.push_async_callback(live.close)
        for together in TOGETHER:
            await _publications(url, live.redis, together)
        each = await publishing(url, live.redis, 0, TOGETHER[-1], CLUSTER) * 1e6
        print(f"publication in a script of its own: {each:.1f} µs of Redis")
        publisher = await BoardPublisher.own(url)
        await publisher.publish(range(STOPS))
        await publisher.live.close()
        print(_line("version compared", await comparing(live)))
        look, size = await looking(live)
        print(_line(f"feed looked at ({size} bytes)", look))
        for batch in (ALONE, CLUSTER):
            lease, memory = await renewing(url, live.redis, batch)
            print(_line(f"caller renewed ({memory:.0f} bytes), {batch} in a script", lease))


async def _publications(url: str, redis: Redis, together: int) -> None:
    alone = 0.0
    for gateways in GATEWAYS:
        each = await publishing(url, redis, gateways, together, ALONE) * 1e6
        alone = alone or each
        more = f", {(each - alone) / gateways:.2f} for each" if gateways else ""
        print(f"publication of {together}, heard by {gateways}: {each:.1f} µs of Redis{more}")


def _line(name: str, used: Spent) -> str:
    return f"{name}: {used.ours * 1e6:.1f} µs of a gateway, {used.redis * 1e6:.2f} of Redis"


if __name__ == "__main__":
    uvloop.run(main())
