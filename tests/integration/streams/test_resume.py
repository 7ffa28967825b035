"""A client comes back with its cursor: "I hold all stops of this stream as of then"."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from schemas.live import LiveStore
from tests.client import BoardClient
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

SECOND = 1_000_000
Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def resumed(
    gateway: Gateway, client: BoardClient, *stops: str, cursor: int | str | None = None
) -> list[str]:
    """Cut, come back with this cursor, and the names of what comes at once."""
    await client.cut()
    if cursor is not None:
        client.cursor = str(cursor)
    await client.connect(*stops)
    return await brought(gateway, client)


async def brought(gateway: Gateway, client: BoardClient) -> list[str]:
    """The names of what its connection brings at once."""
    await gateway.settle(client)
    return [name for name in client.names() if name != "heartbeat"]


async def test_nothing_is_sent_to_who_holds_the_newest_board(
    gateway: Gateway, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    assert await resumed(gateway, client, a) == ["feed"]
    assert client.body.startswith(b"retry: ")
    await demo.publish(a)
    await client.agree(demo.boards)
    assert await brought(gateway, client) == ["feed", "patch"]
    assert gateway.hub.counts.resumes == {"fresh": 1, "current": 1}


async def test_a_snapshot_is_sent_where_the_board_is_newer(
    gateway: Gateway, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    await client.cut()
    await demo.publish(a)
    await eventually(lambda: gateway.hub.topics[a].version == demo.version)
    assert await resumed(gateway, client, a) == [
        "feed",
        "snapshot",
        "patch",
    ]  # the topic's base and tail
    assert client.boards == demo.boards
    assert client.named("patch")[-1].id == str(demo.version)


async def test_of_several_stops_those_come_that_clock_skew_leaves_in_doubt(
    gateway: Gateway, demo: Publisher
) -> None:
    old, doubtful, newest = stops = [demo.stop(name) for name in ("old", "doubtful", "newest")]
    await demo.publish(old)
    demo.version += 11 * SECOND
    await demo.publish(doubtful)
    demo.version += 5 * SECOND
    await demo.publish(newest)
    client = gateway.client()
    await client.connect(*stops)
    await client.agree(demo.boards)
    # In a stream of several even an equal version may be another board's, by another clock.
    assert await resumed(gateway, client, *stops) == ["feed", "snapshot", "snapshot"]
    sent = [(event.data["stop_id"], event.id) for event in client.named("snapshot")]
    assert sent == [(doubtful, None), (newest, str(demo.version))]


async def test_the_skew_is_ten_seconds(gateway: Gateway, demo: Publisher) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    version_b = demo.version
    client = gateway.client()
    await client.connect(a, b)
    await client.agree(demo.boards)
    assert await resumed(gateway, client, a, b, cursor=version_b + 10 * SECOND) == ["feed"]
    assert await resumed(gateway, client, a, b, cursor=version_b + 10 * SECOND - 1) == [
        "feed",
        "snapshot",
    ]
    assert await resumed(gateway, client, b, cursor=version_b) == [
        "feed"
    ]  # alone: an equal one is enough
    assert await resumed(gateway, client, b, cursor=version_b - 1) == ["feed", "snapshot"]


async def test_void_cursors_get_snapshots_never_an_error(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    future = demo.version + 3600 * SECOND
    for cursor in ["", "abc", "-1", "1e9", "٣", "9" * 400, str(future)]:
        assert await resumed(gateway, client, a, cursor=cursor) == ["feed", "snapshot"], cursor
    assert gateway.hub.counts.resumes["void"] == 6  # an empty one is none


async def test_cursors_from_before_redis_lost_writes_are_void(
    gateway: Gateway, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    await demo.tell(lineage=demo.version + 1)
    await gateway.hub.feeds.poll()
    assert await resumed(gateway, client, a) == ["feed", "snapshot"]
    await demo.tell(lineage=demo.version)
    await gateway.hub.feeds.poll()
    assert await resumed(gateway, client, a) == ["feed"]


async def test_the_lineage_of_each_feed_of_the_stream_counts(
    gateway: Gateway, demo: Publisher, live: LiveStore
) -> None:
    other = await Publisher.own(live, "other")
    a, b = demo.stop("a"), other.stop("b")
    await demo.publish(a)
    await other.publish(b)
    client = gateway.client()
    await client.connect(a, b)
    await client.read_until(lambda: len(client.boards) == 2)
    assert sorted(client.feeds) == ["demo", "other"]
    held = max(demo.version, other.version) + 11 * SECOND
    assert await resumed(gateway, client, a, b, cursor=held) == ["feed", "feed"]
    await other.tell(lineage=held + 1)
    await gateway.hub.feeds.poll()
    everything = ["feed", "feed", "snapshot", "snapshot"]
    assert await resumed(gateway, client, a, b, cursor=held) == everything


async def test_the_header_wins_over_the_parameter(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    path = f"/v1/stops/{a}/stream?last_event_id="
    for parameter, header, expected in [
        (str(demo.version), None, ["feed"]),
        ("17", str(demo.version), ["feed"]),
        (str(demo.version), "17", ["feed", "snapshot"]),
    ]:
        await client.request(path + parameter, {"Last-Event-ID": header} if header else {})
        assert await brought(gateway, client) == expected


async def test_a_stream_goes_on_at_any_gateway(run: Run, demo: Publisher) -> None:
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops)
    async with run() as one, run() as two:
        client = one.client()
        await client.connect(*stops)
        await client.agree(demo.boards)
        await client.cut()
        demo.version += 30 * SECOND
        await demo.publish(stops[1])
        client.port = two.port
        assert await resumed(two, client, *stops) == ["feed", "snapshot", "snapshot", "snapshot"]
        assert client.boards == demo.boards
        await client.cut()
        client.port = one.port
        await eventually(lambda: one.hub.topics[stops[1]].version == demo.version)
        assert await resumed(one, client, *stops) == ["feed", "snapshot", "patch"]
        assert client.boards == demo.boards


async def test_a_connection_cut_in_a_batch_leaves_no_cursor_that_claims_too_much(
    gateway: Gateway, demo: Publisher
) -> None:
    stops = [demo.stop(name) for name in "abcdef"]
    await demo.publish(*stops)
    whole = gateway.client()
    await whole.connect(*stops)
    await whole.agree(demo.boards)
    for cut in range(100, whole.received, 97):
        client = gateway.client()
        await client.connect(*stops)
        taken = client.received
        while taken < cut:
            taken += await client.read(min(50, cut - taken))
        await client.cut()
        assert (client.cursor is None) == (client.boards != demo.boards)
        await client.connect(*stops)
        await client.agree(demo.boards)
        await client.cut()
