"""Streams over a Redis Cluster: boards on three shards, slots that move, a master that dies."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from gateway.cursor import SKEW
from gateway.link import SILENCE
from schemas import frames
from schemas.live import FencedError, LiveStore, LiveStoreError
from tests.client import BoardClient
from tests.cluster import Cluster, cluster, slot, until
from tests.gateways import Gateway, eventually, running
from tests.publisher import Publisher


@pytest.fixture
async def shards() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        yield made


@pytest.fixture
async def live(shards: Cluster) -> AsyncIterator[LiveStore]:
    store = LiveStore.connect(shards.url)
    yield store
    await store.close()


@pytest.fixture
async def demo(live: LiveStore) -> Publisher:
    return await Publisher.own(live)


@pytest.fixture
async def gateway(shards: Cluster, demo: Publisher) -> AsyncIterator[Gateway]:
    del demo  # the feed is there
    async with running(shards.url) as gateway:
        yield gateway


async def test_boards_of_all_shards_are_written_and_read_as_one(
    live: LiveStore, shards: Cluster, demo: Publisher
) -> None:
    stops = shards.stops(each=80)
    await demo.publish(*stops)
    stored = await live.boards([*stops, "demo:none"])
    assert [board and board.board() for board in stored] == [*map(demo.boards.get, stops), None]
    assert [(await live.boards([stop]))[0] for stop in stops] == stored[:-1]
    for node in shards.nodes:
        await node.redis.script_flush()
    await demo.publish(*stops)
    late = [demo.publication(stop)._replace(prev=1) for stop in stops[::7]]
    assert sorted(await live.publish(demo.lease, late)) == sorted(stops[::7])
    newer = demo.lease._replace(fence=demo.lease.fence + 1)
    assert (await live.stamp(newer, stops)).keys() == set(stops)
    with pytest.raises(FencedError):
        await demo.publish(stops[-1])
    with pytest.raises(FencedError):
        await live.retire(demo.lease, demo.version, [(stops[0], frames.gone(stops[0]))])
    await live.retire(newer, demo.version, [(stop, frames.gone(stop)) for stop in stops[:40]])
    await live.keep(stops)
    assert [v is None for v in await live.versions(stops)] == [True] * 40 + [False] * 200
    await live.tell_stops("demo", stops)
    await live.tell_stops("demo", stops[:3])
    assert await live.stops("demo") == set(stops[:3])
    await live.tell_parents("demo", {"exit a": "station"})
    assert await live.parent("demo", "exit a") == "station"


async def test_a_run_of_the_cluster_is_that_of_all_its_masters(
    live: LiveStore, shards: Cluster
) -> None:
    runs = [(await node.redis.info("server"))["run_id"] for node in shards.nodes]
    assert await live.server() == {
        "run_id": " ".join(sorted(runs[:3])),
        "maxmemory_policy": "noeviction",
    }


async def test_a_stream_of_stops_on_all_shards_resumes(
    gateway: Gateway, shards: Cluster, demo: Publisher
) -> None:
    stops = shards.stops(each=2)
    await demo.publish(*stops)
    client = await follower(gateway, demo, *stops)
    assert gateway.hub.counts.listener_connects == 3
    demo.version += SKEW
    for _ in range(5):
        await demo.publish(*stops)
    await client.agree(demo.boards)
    assert client.names().count("snapshot") == len(stops)
    await client.cut()
    await demo.publish(*stops[1::2])
    await client.connect(*stops)
    await client.agree(demo.boards)
    assert {event.data["stop_id"] for event in client.named("snapshot")} >= set(stops[1::2])


async def test_a_slot_moves_key_by_key_under_a_stream(
    gateway: Gateway, shards: Cluster, demo: Publisher
) -> None:
    stops = shards.stops(each=2)
    await demo.publish(*stops)
    client = await follower(gateway, demo, *stops)
    doubted: list[str] = []
    interrupted = gateway.hub.interrupted

    def noted(stop_ids: Iterable[str]) -> None:
        doubted.extend(stop_ids)
        interrupted(stop_ids)

    gateway.hub.interrupted = noted  # type: ignore[method-assign]  # watched
    enough = asyncio.Event()
    publishing = asyncio.create_task(publish_until(enough, demo, stops))
    await shards.migrate(stops[0], shards.nodes[1])
    await client.read_until(lambda: len(client.events) > 50)
    enough.set()
    await publishing
    await all_is_well(client, gateway, demo, stops)
    assert await shards.owner(stops[0]) == shards.nodes[1].port
    assert set(doubted) == {stops[0]}


async def test_a_whole_board_is_stored_while_its_slot_migrates(
    shards: Cluster, demo: Publisher
) -> None:
    """Its key is not moved yet: were it away for a moment, the rest would be refused."""
    [stop, *_] = shards.stops(each=1)
    await demo.publish(stop)
    for _ in range(5):
        await demo.publish(stop)
    source, target = shards.home(stop), shards.nodes[1]
    await target.tell("SETSLOT", slot(stop), "IMPORTING", source.node_id)
    await source.tell("SETSLOT", slot(stop), "MIGRATING", target.node_id)
    await demo.publish(stop, snapshot=True)
    [board] = await demo.live.boards([stop])
    assert board is not None
    assert board.board() == demo.boards[stop]
    assert len(board.events) == 1


def test_a_silent_shard_is_found_out_before_cursors_are_believed() -> None:
    assert 2 * SILENCE < SKEW / 1_000_000


async def test_many_slots_move_at_once_under_a_stream(
    gateway: Gateway, shards: Cluster, demo: Publisher
) -> None:
    """Valkey's own way, since 9: a range of slots is another's from one moment to the next."""
    stops = shards.stops(each=3)
    await demo.publish(*stops)
    client = await follower(gateway, demo, *stops)
    enough = asyncio.Event()
    publishing = asyncio.create_task(publish_until(enough, demo, stops))
    first, second, *_ = shards.nodes
    await first.tell("MIGRATESLOTS", "SLOTSRANGE", 0, 5461, "NODE", second.node_id)
    await until(lambda: moved(shards, stops[0]))
    await client.read_until(lambda: len(client.events) > 50)
    enough.set()
    await publishing
    await all_is_well(client, gateway, demo, stops)


async def moved(shards: Cluster, stop_id: str) -> bool:
    return await shards.owner(stop_id) == shards.nodes[1].port


async def test_a_replica_takes_over_from_a_master_that_dies(
    gateway: Gateway, shards: Cluster, demo: Publisher, live: LiveStore
) -> None:
    stops = shards.stops(each=2)
    await demo.publish(*stops)
    client = await follower(gateway, demo, *stops)
    run = (await live.server())["run_id"]
    first, *_, replica = shards.nodes
    await shards.lose(first)
    await eventually(lambda: len(gateway.hub.doubtful) == 2)  # the others' messages still arrive
    await until(lambda: published_whole(demo, stops))
    assert await shards.owner(stops[0]) == replica.port
    assert (await live.server())["run_id"] != run
    await demo.publish(*stops)
    await client.agree(demo.boards)
    await eventually(lambda: not gateway.hub.doubtful)
    await demo.publish(*stops)
    await client.agree(demo.boards)


async def follower(gateway: Gateway, demo: Publisher, *stops: str) -> BoardClient:
    client = gateway.client()
    await client.connect(*stops)
    await client.agree(demo.boards)
    return client


async def publish_until(enough: asyncio.Event, demo: Publisher, stops: list[str]) -> None:
    while not enough.is_set():
        await demo.publish(*stops)
        await asyncio.sleep(0.001)


async def published_whole(demo: Publisher, stops: list[str]) -> bool:
    """As an owner does once Redis may have lost writes; False: it is not back yet."""
    try:
        await demo.publish(*stops, snapshot=True)
    except LiveStoreError:
        return False
    return True


async def all_is_well(
    client: BoardClient, gateway: Gateway, demo: Publisher, stops: list[str]
) -> None:
    """The client holds what is published, and its cursor moves on again."""
    await client.agree(demo.boards)
    await eventually(lambda: not gateway.hub.doubtful)
    before = client.cursor
    await demo.publish(*stops)
    await client.agree(demo.boards)
    assert client.cursor != before
    assert gateway.hub.counts.restarts == 0
