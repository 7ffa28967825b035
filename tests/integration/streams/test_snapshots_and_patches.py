"""What a stream sends from its first byte on."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.cluster import until
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def test_late_joiner_gets_snapshot_before_patches(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    early, late = gateway.client(), gateway.client()
    await demo.publish(a)
    assert await early.connect(a) == 200
    await early.read_until(lambda: early.boards)
    for _ in range(3):
        await demo.publish(a)
    await early.agree(demo.boards)
    await late.connect(a)
    await late.agree(demo.boards)
    await demo.publish(a)
    await late.agree(demo.boards)
    assert late.names() == ["feed", "snapshot", "patch", "patch", "patch", "patch"]
    assert late.cursor == str(demo.version)


async def test_headers_are_those_of_the_protocol(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a, headers={"X-Request-ID": "mine"})
    await client.read_until(lambda: client.boards)
    assert client.headers["content-type"].startswith("text/event-stream")
    assert client.headers["cache-control"] == "no-store"
    assert client.headers["x-accel-buffering"] == "no"
    assert client.headers["x-request-id"] == "mine"
    assert client.body.startswith(b"retry: ")
    assert 1000 <= (client.retry or 0) <= 3000
    state = client.named("feed")[0].data
    assert (state["feed_id"], state["status"]) == ("demo", "live")


async def test_head_tells_the_headers_and_opens_no_stream(
    gateway: Gateway, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    reader, writer = await gateway.dial()
    path = f"/v1/stops/{a}/stream"
    writer.write(f"HEAD {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    head = await reader.read()
    writer.close()
    assert head.startswith(b"HTTP/1.1 200")
    assert b"content-type: text/event-stream" in head
    assert head.endswith(b"\r\n\r\n")
    assert gateway.hub.counts.opened == 0


async def test_ids_may_hold_anything(gateway: Gateway, demo: Publisher) -> None:
    for name in ["north/side} 1", "a%2Fb", "x/stream", "Zoë:ü", "?&#"]:
        stop = demo.stop(name)
        await demo.publish(stop)
        client = gateway.client()
        assert await client.connect(stop) == 200, name
        await client.agree({stop: demo.boards[stop]})
        await demo.publish(stop)
        await client.agree({stop: demo.boards[stop]})
        await client.cut()


async def test_concurrent_first_followers_share_one_topic(
    gateway: Gateway, demo: Publisher
) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    clients = [gateway.client() for _ in range(20)]
    await asyncio.gather(*(client.connect(a, b) for client in clients))
    await demo.publish(a, b)
    for client in clients:
        await client.agree(demo.boards)
    assert len(gateway.hub.topics) == 2


async def test_in_a_batch_only_the_last_event_has_an_id(gateway: Gateway, demo: Publisher) -> None:
    stops = [demo.stop(name) for name in "abcde"]
    await demo.publish(*stops)
    other = gateway.client()
    await other.connect(*stops)
    await other.agree(demo.boards)
    await demo.publish(stops[1], stops[0])  # tails: patches are sent in a batch too
    await other.agree(demo.boards)
    client = gateway.client()
    await client.connect(*stops)
    await client.agree(demo.boards)
    batch = client.named("snapshot", "patch")
    assert len(batch) == 7
    assert [event.id for event in batch[:-1]] == [None] * 6
    assert batch[-1].id == str(demo.version) == str(batch[-1].data["version"])
    assert batch[-1].data["version"] == max(event.data["version"] for event in batch)


async def test_patches_carry_their_version_as_id(gateway: Gateway, demo: Publisher) -> None:
    stops = [demo.stop(name) for name in "ab"]
    await demo.publish(*stops)
    client = gateway.client()
    await client.connect(*stops)
    await client.agree(demo.boards)
    await demo.publish(stops[0])
    await demo.publish(stops[1])
    await client.agree(demo.boards)
    patches = client.named("patch")
    assert [event.id for event in patches] == [str(e.data["version"]) for e in patches]


async def test_a_stop_named_twice_is_followed_once(gateway: Gateway, demo: Publisher) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    client = gateway.client()
    await client.connect(a, b, a)
    await client.agree(demo.boards)
    await client.settle()
    assert client.names() == ["feed", "snapshot", "snapshot"]


async def test_a_republished_snapshot_replaces_the_board(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    await demo.publish(a)
    await demo.publish(a, snapshot=True)
    await client.agree(demo.boards)
    assert client.names() == ["feed", "snapshot", "patch", "snapshot"]
    assert client.cursor == str(demo.version)
    assert gateway.hub.topics[a].tail == []


async def test_what_one_poll_brings_is_one_write(gateway: Gateway, demo: Publisher) -> None:
    stops = [demo.stop(str(n)) for n in range(30)]
    await demo.publish(*stops)
    client = gateway.client()
    await client.connect(*stops)
    await client.agree(demo.boards)
    [subscriber] = gateway.hub.subscribers
    writes: list[int] = []
    flush = type(subscriber).flush

    def counted(self: object) -> None:
        writes.append(len(self.pending))  # type: ignore[attr-defined]  # a Subscriber
        flush(self)  # type: ignore[arg-type]

    try:
        type(subscriber).flush = counted  # type: ignore[method-assign]  # a look inside
        await demo.publish(*stops)
        await client.agree(demo.boards)
    finally:
        type(subscriber).flush = flush  # type: ignore[method-assign]
    assert sum(writes) == 30
    assert len(writes) < 10  # one for what is in the Listener's buffer; it comes in a few pieces


async def test_a_tail_past_its_bound_is_swapped_for_a_fresh_snapshot(
    run: Run, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(tail_patches=5) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        topic = gateway.hub.topics[a]
        for _ in range(20):
            await demo.publish(a)
        await client.agree(demo.boards)
        await eventually(lambda: len(topic.tail) <= 5)
        assert gateway.hub.counts.base_swaps >= 1
        assert client.names() == ["feed", "snapshot", *["patch"] * 20]  # nobody noticed
        late = gateway.client()
        await late.connect(a)
        await late.agree(demo.boards)
        await demo.publish(a)
        await late.agree(demo.boards)
        assert len(late.named("patch")) <= 6


async def test_a_stop_is_followed_a_little_longer_than_its_streams(
    run: Run, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(linger=3600) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        topic = gateway.hub.topics[a]
        await client.cut()
        await eventually(lambda: topic.holds == 0)
        await client.connect(a, resume=False)
        await client.read_until(lambda: client.boards)
        assert gateway.hub.topics[a] is topic
    async with run(linger=0.2) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        await client.cut()
        await eventually(lambda: not gateway.hub.topics)

        async def unsubscribed() -> bool:  # the command was on its way
            return await demo.live.redis.pubsub_shardchannels() == []

        await until(unsubscribed)
        await demo.publish(a)
        again = gateway.client()
        await again.connect(a)
        await again.agree(demo.boards)
        await demo.publish(a)
        await again.agree(demo.boards)
