"""Clients that do not keep up are conflated; clients that take nothing are cut off."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from gateway.subscriber import Subscriber
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

# Small buffers everywhere, so that little data fills them.
SMALL: dict[str, Any] = {"write_buffer": 8192, "send_buffer": 8192}
RECEIVE_BUFFER = 4096


async def publish_until(demo: Publisher, stops: list[str], condition: Callable[[], bool]) -> None:
    """Publish versions of all stops until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await demo.publish(*stops, size=20)
            await asyncio.sleep(0.002)


async def test_a_slow_client_is_conflated_and_ends_on_the_newest_truth(
    run: Run, demo: Publisher
) -> None:
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops)
    async with run(**SMALL) as gateway:
        slow = gateway.client(receive_buffer=RECEIVE_BUFFER)
        quick = gateway.client()
        await slow.connect(*stops)
        await quick.connect(*stops)
        await slow.agree(demo.boards)
        reading = asyncio.create_task(quick.read_until(lambda: False))
        await publish_until(demo, stops, lambda: gateway.hub.counts.conflations > 0)
        received = slow.received
        # From here on nothing is held for it but the names of the stops that it lacks.
        [lagging] = [s for s in gateway.hub.subscribers if s.lacks is not None]
        held = lagging.transport.get_write_buffer_size()
        for _ in range(100):
            await demo.publish(*stops, size=100)
        await eventually(lambda: gateway.hub.counts.messages >= 300)
        assert lagging.transport.get_write_buffer_size() <= held
        await slow.agree(demo.boards)
        reading.cancel()
        await quick.agree(demo.boards)
        assert quick.received > 3 * (slow.received - received)
        assert not quick.named("snapshot")[3:]
        await eventually(lambda: lagging.lacks is None)
        await demo.publish(*stops)  # and patches go on
        before = len(slow.named("patch"))
        await slow.agree(demo.boards)
        assert len(slow.named("patch")) == before + 3


async def test_catching_up_ends_with_the_only_id(run: Run, demo: Publisher) -> None:
    stops = [demo.stop(name) for name in "abcdefgh"]
    await demo.publish(*stops)
    async with run(**SMALL) as gateway:
        slow = gateway.client(receive_buffer=RECEIVE_BUFFER)
        await slow.connect(*stops)
        await slow.agree(demo.boards)
        await publish_until(demo, stops, lambda: gateway.hub.counts.conflations > 0)
        await demo.publish(*stops, size=20)
        await slow.agree(demo.boards)
        await slow.settle()
        # The batch: a feed event, then events without id up to the last one.
        start = max(n for n, event in enumerate(slow.events) if event.name == "feed")
        batch = slow.events[start + 1 :]
        assert {event.data["stop_id"] for event in batch} == set(stops)
        assert [event.id for event in batch[:-1]] == [None] * (len(batch) - 1)
        assert batch[-1].id == slow.cursor == str(demo.version)


async def test_changes_of_feeds_are_conflated_too(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(**SMALL, feed_poll=0.02) as gateway:
        slow = gateway.client(receive_buffer=RECEIVE_BUFFER)
        await slow.connect(a)
        await slow.read_until(lambda: slow.boards)
        await publish_until(demo, [a], lambda: gateway.hub.counts.conflations > 0)
        seen = len(slow.named("feed"))
        for status in ["stale", "live"] * 5 + ["stale"]:
            await demo.tell(status=status)
            await gateway.hub.feeds.poll()
        await slow.read_until(lambda: slow.feeds["demo"]["status"] == "stale")
        await slow.agree(demo.boards)
        assert len(slow.named("feed")) <= seen + 2


async def test_a_frozen_client_is_aborted(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(**SMALL, frozen_limit=0.3) as gateway:
        frozen, other = gateway.client(receive_buffer=RECEIVE_BUFFER), gateway.client()
        await frozen.connect(a)
        await other.connect(a)
        await frozen.read_until(lambda: frozen.boards)
        reading = asyncio.create_task(other.read_until(lambda: False))
        await publish_until(demo, [a], lambda: gateway.hub.counts.frozen == 1)
        await eventually(lambda: len(gateway.hub.subscribers) == 1)
        reading.cancel()
        await other.agree(demo.boards)
        await frozen.closed()


async def test_a_large_first_batch_arrives_whole_through_small_buffers(
    run: Run, demo: Publisher
) -> None:
    stops = [demo.stop(str(n)) for n in range(50)]
    for stop in stops:
        await demo.publish(stop, size=100)
    async with run(**SMALL) as gateway:
        client = gateway.client(receive_buffer=RECEIVE_BUFFER)
        await client.connect(*stops)
        await demo.publish(*stops[:10])  # while it is being sent
        await client.agree(demo.boards)
        ids = [event.id for event in client.named("snapshot")]
        assert len(ids) <= 60  # only what changed came again, nothing was begun anew
        await demo.publish(*stops[:10])
        await client.agree(demo.boards)
        assert client.cursor == str(demo.version)


async def test_one_bad_subscriber_never_stops_the_others(
    gateway: Gateway, demo: Publisher, monkeypatch: Any
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    bad, good = gateway.client(), gateway.client()
    await bad.connect(a)
    [victim] = gateway.hub.subscribers
    await good.connect(a)
    await good.read_until(lambda: good.boards)
    flush = Subscriber.flush

    def failing(self: Subscriber) -> None:
        if self is victim:
            raise RuntimeError("out of order")
        flush(self)

    monkeypatch.setattr(Subscriber, "flush", failing)
    for _ in range(3):
        await demo.publish(a)
        await good.agree(demo.boards)
    await eventually(
        lambda: gateway.hub.subscribers != {victim} and len(gateway.hub.subscribers) == 1
    )
    assert gateway.hub.counts.failed == 1
