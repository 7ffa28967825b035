"""What a gateway concludes from comparing its boards with those in Redis (both found by drills)."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from schemas import frames, keys
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def test_a_redis_emptied_since_the_feeds_were_seen_takes_no_board_away(
    run: Run, demo: Publisher
) -> None:
    """A gateway that connects again before it has looked at the feeds."""
    a = demo.stop("a")
    await demo.publish(a)
    async with run(feed_poll=600) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        assert gateway.hub.feeds.complete(demo.feed)
        await demo.live.redis.flushall()
        await demo.cut_listeners()
        await eventually(lambda: gateway.hub.counts.listener_connects >= 2)
        await eventually(lambda: not gateway.hub.doubtful)  # it has compared
        await demo.publish(a, snapshot=True)  # as an owner does who finds its board missing
        await client.agree(demo.boards)
        assert not client.named("gone")


async def test_a_lost_message_is_healed_though_the_tail_is_too_long(
    run: Run, demo: Publisher
) -> None:
    """A board that is to be fetched anyway is compared all the same: it may be behind, too."""
    a = demo.stop("a")
    await demo.publish(a)
    async with run(sweep=0.2) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.agree(demo.boards)
        await demo.publish(a)
        await client.agree(demo.boards)
        gateway.hub.topics[a].max_patches = 0
        healed = (
            gateway.hub.counts.healed
        )  # a sweep may have been quicker than the message of before
        made = demo.publication(a)  # reaches Redis while its message is lost
        whole = frames.snapshot(demo.boards[a])
        stored: dict[Any, Any] = {"version": made.version, "base": made.version, "frame": whole}
        await demo.live.redis.hset(keys.board(a), mapping=stored)
        await client.agree(demo.boards)
        assert gateway.hub.counts.healed == healed + 1
