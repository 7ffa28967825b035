"""What a stream tells about its feeds and about itself."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from schemas.live import LiveStore
from tests.client import PATIENCE
from tests.gateways import Gateway
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def test_heartbeats_come_busy_or_not(run: Run, demo: Publisher, live: LiveStore) -> None:
    other = await Publisher.own(live, "other")
    a, b = demo.stop("a"), other.stop("b")
    await demo.publish(a)
    await other.publish(b)
    async with run(heartbeat=0.15) as gateway:
        client = gateway.client()
        began = int(time.time())
        await client.connect(a, b)
        for _ in range(3):
            await demo.publish(a)
            await client.read_until(lambda: client.boards.get(a) == demo.boards[a])
            await client.read_until(lambda: client.names()[-1] == "heartbeat")
        beat = client.named("heartbeat")[-1]
        assert beat.id is None
        assert sorted(beat.data["feeds"]) == ["demo", "other"]
        assert set(beat.data["feeds"]["demo"]) == {"status", "timestamp", "now"}
        assert began <= beat.data["feeds"]["demo"]["now"] <= time.time()


async def test_now_is_the_board_clock_of_a_replay(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    await demo.tell(now=1_700_000_000.0, rate=0.0, timestamp=1_699_999_990)
    await gateway.hub.feeds.poll()
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    assert client.feeds["demo"] == {
        "feed_id": "demo",
        "status": "live",
        "timestamp": 1_699_999_990,
        "now": 1_700_000_000,
    }


async def test_a_change_of_status_is_told_to_the_feeds_streams(
    run: Run, demo: Publisher, live: LiveStore
) -> None:
    other = await Publisher.own(live, "other")
    a, b = demo.stop("a"), other.stop("b")
    await demo.publish(a)
    await other.publish(b)
    async with run(feed_poll=0.05) as gateway:
        client, bystander = gateway.client(), gateway.client()
        await client.connect(a)
        await bystander.connect(b)
        await client.read_until(lambda: client.boards)
        await demo.tell(status="stale")
        await client.read_until(lambda: client.feeds["demo"]["status"] == "stale")
        await demo.tell(status="live")
        await client.read_until(lambda: client.feeds["demo"]["status"] == "live")
        assert len(client.named("feed")) == 3
        await gateway.settle(bystander)
        assert len(bystander.named("feed")) == 1


async def test_a_feed_whose_ingester_fell_silent_is_down(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(feed_poll=0.05, owner_timeout=PATIENCE) as gateway:
        await demo.tell(beat=time.time() - PATIENCE + 0.5)
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.feeds.get("demo", {}).get("status") == "down")
        await demo.tell()
        await client.read_until(lambda: client.feeds["demo"]["status"] == "live")


async def test_a_stream_ends_after_its_lifetime_and_resumes(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(stream_lifetime=0.3, heartbeat=0.1, retry=4) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.ended)
        assert client.events[-1].name == "goodbye"
        assert client.events[-1].data == {"reason": "lifetime"}
        assert 2000 <= (client.retry or 0) <= 6000
        assert gateway.hub.counts.goodbyes == {"lifetime": 1}
        await client.closed()
        await client.connect(a)
        await client.read_until(lambda: client.named("heartbeat", "goodbye"))
        assert client.names()[:1] == ["feed"]
        assert not client.named("snapshot")
