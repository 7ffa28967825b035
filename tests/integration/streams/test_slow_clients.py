"""Clients that do not keep up are conflated; clients that take nothing are cut off."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.types import Message

from gateway.subscriber import Subscriber
from schemas.tasks import end
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

# Small buffers everywhere, so that little data fills them.
SMALL: dict[str, Any] = {"write_buffer": 8192, "send_buffer": 8192}
RECEIVE_BUFFER = 4096
FROZEN = 100


def bytes_held(subscriber: Subscriber) -> tuple[int, int]:
    """What a stream has unsent: in the process, and in the kernel."""
    connection = subscriber.transport.get_extra_info("socket")
    queue = bytearray(4)
    fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, queue)  # SIOCOUTQ, tcp(7)
    return subscriber.transport.get_write_buffer_size(), int.from_bytes(queue, sys.byteorder)


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
        reading = asyncio.create_task(quick.read_on())
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
        await end([reading])
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
        (subscriber,) = gateway.hub.subscribers

        def lacks_the_newest_of_all() -> bool:
            """Else its kernel has taken something meanwhile, and it gets patches."""
            versions = {topic.stop_id: topic.version for topic in subscriber.topics}
            newest = versions == {stop: demo.boards[stop]["version"] for stop in stops}
            return newest and subscriber.lacks == set(subscriber.topics)

        await publish_until(demo, stops, lacks_the_newest_of_all)
        await slow.agree(demo.boards)
        await slow.settle()
        # The batch: a feed event, then events without id up to the last one.
        start = max(n for n, event in enumerate(slow.events) if event.name == "feed")
        batch = [event for event in slow.events[start + 1 :] if event.name != "heartbeat"]
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
        async with asyncio.timeout(PATIENCE):
            while gateway.hub.counts.frozen == 0:
                await demo.publish(a, size=20)
                await other.agree(demo.boards)  # it takes each, so it never lags
        await eventually(lambda: len(gateway.hub.subscribers) == 1)
        assert gateway.hub.counts.frozen == 1
        await demo.publish(a)
        await other.agree(demo.boards)
        await frozen.closed()


async def test_a_frozen_client_is_aborted_even_if_its_buffers_are_never_full(
    run: Run, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(frozen_limit=0.3) as gateway:
        frozen = gateway.client(receive_buffer=RECEIVE_BUFFER)
        await frozen.connect(a)
        for _ in range(5):
            await demo.publish(a, size=100)
        await eventually(lambda: gateway.hub.counts.frozen == 1)
        await eventually(lambda: not gateway.hub.subscribers)
        assert gateway.hub.counts.conflations == 0


async def test_a_frozen_client_is_counted_once(run: Run, demo: Publisher) -> None:
    """Though its gateway finds it out at the moment in which the kernel does, who aborts it, too."""
    a = demo.stop("a")
    await demo.publish(a)
    async with run(frozen_limit=0.05) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.agree(demo.boards)
        [subscriber] = gateway.hub.subscribers

        async def never(_: Message) -> None:
            await asyncio.Event().wait()

        subscriber.send = never
        waiting = asyncio.create_task(subscriber._drained())
        subscriber.transport.abort()
        assert not await waiting
        assert (
            gateway.hub.counts.frozen == 0
        )  # what the kernel ends is counted by gateway/protocol.py


async def test_heartbeats_do_not_pile_up_for_a_frozen_client(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(**SMALL, heartbeat=0.001) as gateway:
        frozen = gateway.client(receive_buffer=RECEIVE_BUFFER)
        await frozen.connect(a)
        await eventually(lambda: gateway.hub.counts.conflations)
        [subscriber] = gateway.hub.subscribers
        held = subscriber.transport.get_write_buffer_size()
        assert held < SMALL["write_buffer"] + 1000
        await frozen.read_until(lambda: subscriber.lacks is None)  # it thaws
        await demo.publish(a)
        await frozen.agree(demo.boards)


async def test_many_frozen_clients_cost_their_bound_and_nobody_else_anything(
    run: Run, demo: Publisher
) -> None:
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops)
    # One publication of all stops fits into the buffers, so who reads never lags.
    bound: dict[str, Any] = {"write_buffer": 65536, "send_buffer": 8192, "tail_bytes": 8192}
    async with run(**bound, frozen_limit=3600) as gateway:
        others = [gateway.client() for _ in range(5)]
        for other in others:
            await other.connect(*stops)
            await other.agree(demo.boards)
        reading = [asyncio.create_task(other.read_on()) for other in others]
        healthy = set(gateway.hub.subscribers)
        for _ in range(FROZEN):
            await gateway.client(receive_buffer=RECEIVE_BUFFER).connect(*stops)
        frozen = gateway.hub.subscribers - healthy
        published = largest = 0
        # A frozen client's bound: what may be unsent, and one board that was written when it was less.
        while published < 40 or others[0].received < 5 * (bound["write_buffer"] + largest):
            published += 1
            await demo.publish(*stops, size=100)
            # No faster than the others take it: they must never lag. Their cursors need not follow:
            # while a message may have been missed, no event has an id.
            versions = {stop: board["version"] for stop, board in demo.boards.items()}
            await eventually(lambda: all(other.versions() == versions for other in others))  # noqa: B023  # at once
            sizes = [sum(len(e.frame) for e in t.events()) for t in gateway.hub.topics.values()]
            largest = max(largest, *sizes)
        assert all(subscriber.lacks is not None for subscriber in frozen)
        for buffered, kernel in map(bytes_held, frozen):
            assert buffered <= bound["write_buffer"] + largest + 1000  # ids, chunk sizes, a `feed`
            # Linux doubles it for its own use, and takes one segment more once there is room.
            assert kernel <= 3 * bound["send_buffer"]
        for task, other in zip(reading, others, strict=True):
            task.cancel()
            assert other.boards == demo.boards
            assert len(other.named("snapshot")) == 3
            assert len(other.named("patch")) == 3 * published


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
