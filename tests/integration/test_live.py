"""LiveStore against a real Valkey: versions, fences, leases, messages."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from bench.drill.relay import Relay
from schemas import frames, keys
from schemas.feed_state import FeedState
from schemas.live import FencedError, Lease, LiveStore
from schemas.stored_board import Message, Publication, StoredBoard
from tests.client import PATIENCE

STOP = "demo:north/side} 1"
STATE = FeedState("demo", "live", 17, 100.5, 200.25, 20.0, "me", 7, True, {"agencies": []})


@pytest.fixture
async def live(valkey_url: str) -> AsyncIterator[LiveStore]:
    store = LiveStore.connect(valkey_url)
    await store.redis.flushall()
    yield store
    await store.close()


def snapshot(version: int) -> Publication:
    frame = frames.event("snapshot", {"version": version})
    return Publication(STOP, None, version, frame, frame)


def patch(prev: int, version: int) -> Publication:
    frame = frames.event("patch", {"version": version})
    return Publication(STOP, prev, version, None, frame)


async def owned(live: LiveStore) -> Lease:
    lease = await live.acquire("demo", "me", PATIENCE)
    assert lease is not None
    return lease


async def test_connections_that_were_reset_while_idle_are_replaced(valkey_url: str) -> None:
    relay = Relay(lambda: urlsplit(valkey_url).port or 6379)
    await relay.open()
    live = LiveStore.connect(relay.url)
    try:
        await asyncio.gather(*(live.boards([STOP]) for _ in range(5)))
        relay.close()
        await relay.open()
        assert await asyncio.gather(*(live.boards([STOP]) for _ in range(5))) == [[None]] * 5
    finally:
        await live.close()
        relay.close()


async def test_a_publication_is_stored_and_reaches_followers_in_one_step(live: LiveStore) -> None:
    lease = await live.acquire("demo", "me", 600)
    assert lease is not None
    assert await live.publish(lease, [snapshot(1)]) == []
    async with live.redis.pubsub() as pubsub:
        await pubsub.ssubscribe(keys.channel(STOP))
        confirmation = await pubsub.get_message(timeout=PATIENCE)
        assert confirmation is not None
        assert confirmation["type"] == "ssubscribe"
        assert await live.publish(lease, [patch(1, 2)]) == []
        message = await pubsub.get_message(timeout=PATIENCE)
        assert message is not None
        assert keys.stop_of_channel(message["channel"]) == STOP
        received = Message.decode(message["data"])
        assert received == Message(1, 2, lease.fence, frames.event("patch", {"version": 2}))
    [board] = await live.boards([STOP])
    assert board is not None
    assert board.version == 2
    assert board.json() == b'{"version":2}'


async def test_patches_stand_behind_their_snapshot_until_the_next_one(live: LiveStore) -> None:
    lease = await live.acquire("demo", "me", 600)
    assert lease is not None
    await live.publish(lease, [snapshot(98), patch(98, 99), patch(99, 100)])
    [board] = await live.boards([STOP])
    assert board is not None
    assert [version for version, _ in board.events] == [98, 99, 100]
    assert board.json() == b'{"version":100}'
    assert (await live.stamp(lease, [STOP])) == {STOP: board}
    whole = snapshot(101)
    await live.publish(lease, [whole._replace(prev=100, frame=patch(100, 101).frame)])
    assert await live.boards([STOP]) == [StoredBoard(((101, whole.snapshot or b""),))]


async def test_of_many_boards_those_that_moved_are_told(live: LiveStore) -> None:
    lease = await live.acquire("demo", "me", 600)
    assert lease is not None
    stops = [f"demo:{n}" for n in range(live.shards.batch * 2 + 1)]
    await live.publish(lease, [snapshot(1)._replace(stop_id=stop) for stop in stops])
    assert await live.versions(stops) == [1] * len(stops)
    patches = [patch(1 if n % 50 else 7, 2)._replace(stop_id=stop) for n, stop in enumerate(stops)]
    assert await live.publish(lease, patches) == stops[::50]
    assert await live.versions(stops) == [2 if n % 50 else 1 for n in range(len(stops))]


async def test_a_patch_is_refused_where_another_version_stands(live: LiveStore) -> None:
    lease = await live.acquire("demo", "me", 600)
    assert lease is not None
    await live.publish(lease, [snapshot(5)])
    assert await live.publish(lease, [patch(4, 6)]) == [STOP]
    assert await live.versions([STOP, "demo:other"]) == [5, None]


async def test_a_thawed_owner_is_fenced_off_by_the_next_ones_stamp(live: LiveStore) -> None:
    old = await live.acquire("demo", "old", 600)
    assert old is not None
    await live.publish(old, [snapshot(1)])
    assert await live.acquire("demo", "new", 600) is None
    await live.redis.delete(keys.lease("demo"))  # as if its time had run out
    new = await live.acquire("demo", "new", 600)
    assert new is not None
    assert new.fence > old.fence
    stood = await live.stamp(new, [STOP, "demo:none"])
    assert {stop: board.version for stop, board in stood.items()} == {STOP: 1}
    with pytest.raises(FencedError):
        await live.publish(old, [patch(1, 2)])
    with pytest.raises(FencedError):
        await live.retire(old, 2, [(STOP, frames.gone(STOP))])
    assert not await live.renew(old, 600)
    assert await live.renew(new, 600)
    assert await live.publish(new, [patch(1, 3)]) == []


async def test_a_given_back_lease_is_free_and_its_fence_never_comes_again(live: LiveStore) -> None:
    first = await live.acquire("demo", "a", 600)
    assert first is not None
    assert await live.renew(first, 0)
    await live.redis.hset(keys.feed("demo"), "fence", str(first.fence + 10**9))
    second = await live.acquire("demo", "b", 600)
    assert second is not None
    assert second.fence == first.fence + 10**9 + 1


async def test_scripts_survive_a_redis_that_forgot_them(live: LiveStore) -> None:
    lease = await live.acquire("demo", "me", 600)
    assert lease is not None
    await live.redis.script_flush()
    assert await live.publish(lease, [snapshot(1)]) == []


async def test_a_feed_state_comes_back_as_it_was_told(live: LiveStore) -> None:
    assert await live.acquire("other", "me", PATIENCE)  # a fence alone is no state
    await live.tell(await owned(live), STATE)
    assert await live.feeds() == {"demo": STATE}
    assert STATE.board_clock(201.25) == 120.5


async def test_who_lost_the_lease_tells_no_state(live: LiveStore) -> None:
    former = await owned(live)
    await live.renew(former, 0)
    lease = await owned(live)
    await live.tell(lease, STATE)
    with pytest.raises(FencedError):
        await live.tell(former, replace(STATE, timestamp=1))
    assert await live.feeds() == {"demo": STATE}


async def test_a_state_told_into_an_emptied_redis_is_refused(live: LiveStore) -> None:
    """It would say of boards that are gone that they are all there."""
    lease = await owned(live)
    await live.tell(lease, STATE)
    await live.redis.flushall()
    with pytest.raises(FencedError):
        await live.tell(lease, STATE)
    assert await live.feeds() == {}
    assert await live.known() == set()


async def test_parents_of_entrances_are_found(live: LiveStore) -> None:
    await live.tell_parents("demo", {"exit a": "station"})
    assert await live.parent("demo", "exit a") == "station"
    assert await live.parent("demo", "station") is None


async def test_whoever_is_cancelled_while_redis_is_asked_ends(live: LiveStore) -> None:
    await live.feeds()  # a connection is there
    for turns in range(30):  # of the loop, until the cancellation comes
        asking = asyncio.create_task(live.feeds())
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled = asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled() is cancelled, turns
