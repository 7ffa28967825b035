"""The ingester between a real agency server, a real Postgres and a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from feeds.config import Endpoint, Feed
from feeds.gtfs.schedule_import import import_schedule
from feeds.ingest.fetch import http_client
from feeds.ingest.ingester import Ingester
from feeds.sources.clock import Reading
from schemas import frames, keys
from schemas.arrivals import Board
from schemas.database import connect, migrate
from schemas.feed_state import FeedState
from schemas.live import Lease, LiveStore
from schemas.stored_board import Message
from schemas.tracing import tracing
from tests.agency import Agency, served
from tests.collector import attributes, collecting
from tests.timetables import message, posix, trip_update

NOON = posix("07:55:00")  # by the agency's clock, in Europe/Paris as in Berlin
PATIENCE = 60.0


def told_at(timestamp: int) -> bytes:
    """A message of that time with an update from noon."""
    update = trip_update("t", {"stop_sequence": 1, "departure": 60})
    update.timestamp = NOON
    return message(update, timestamp=timestamp)


def works(timestamp: int = NOON) -> bytes:
    """An alert about the stop `a`."""
    told = FeedMessage.FromString(message(timestamp=timestamp))
    alert = told.entity.add(id="works").alert
    alert.informed_entity.add(stop_id="a")
    alert.header_text.translation.add(text="Works")
    return told.SerializeToString()


def late(seconds: int) -> bytes:
    update = trip_update("t", {"stop_sequence": 1, "departure": seconds})
    return message(update, timestamp=NOON)


@dataclass
class World:
    """One agency, one Redis, and as many ingesters as a test starts.

    `beside` is another endpoint of the agency's, of alerts.
    """

    agency: Agency
    beside: Agency
    live: LiveStore
    client: httpx.AsyncClient
    database_url: str
    gtfs_zip: Callable[..., Path]
    tasks: dict[str, tuple[Ingester, asyncio.Task[None]]] = field(default_factory=dict)

    def start(
        self,
        owner: str = "one",
        *,
        beside: bool = False,
        settings: Mapping[str, Any] | None = None,
        **endpoint: Any,
    ) -> Ingester:
        """`beside`: also of that endpoint. `settings`: of the feed, as in stopcast.toml."""
        told = {"url": self.agency.url, "interval": 0.05, "clock": True, **endpoint}
        endpoints = [told, *([{"url": self.beside.url, "interval": 0.05}] if beside else [])]
        feed = Feed.model_validate({"endpoints": endpoints, **(settings or {})})
        ingester = Ingester(
            "city", feed, self.live,
            database_url=self.database_url, client=self.client, owner=owner,
        )  # fmt: skip
        self.tasks[owner] = (ingester, asyncio.create_task(ingester.run()))
        return ingester

    async def stop(self, owner: str = "one", *, release: bool = True) -> None:
        ingester, task = self.tasks.pop(owner)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if release:
            await ingester.release()

    async def usurped(self) -> Lease:
        """Somebody else has the lease, as after a freeze past its end: there is no moment between."""
        held: Any = await self.live.redis.get(keys.lease("city"))
        fence = int(held.decode().split()[1]) + 1
        await self.live.redis.set(keys.lease("city"), f"other {fence}")
        return Lease("city", "other", fence)

    async def imported(self, changed: dict[str, str | None] | None = None) -> None:
        async with connect(self.database_url) as connection:
            await import_schedule(str(self.gtfs_zip(changed)), "city", connection)

    async def board(self, stop: str) -> Board | None:
        [stored] = await self.live.boards([f"city:{stop}"])
        return stored.board() if stored else None

    async def departures(self, stop: str) -> list[tuple[str, int | None]]:
        board = await self.board(stop)
        arrivals = board["arrivals"].values() if board else []
        return [(told["status"], told.get("departure")) for told in arrivals]

    async def alerts(self, stop: str) -> dict[str, Any]:
        board = await self.board(stop)
        return dict(board["alerts"]) if board else {}

    async def kinds_told(self) -> bool:
        state = await self.state()
        endpoints = state.report["endpoints"] if state else []
        return [each["kinds"] for each in endpoints] == [["trip_update"], ["alert"]]

    async def state(self) -> FeedState | None:
        return (await self.live.feeds()).get("city")

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110  # what it asks sets no event
                await asyncio.sleep(0.02)

    async def until_departures(self, stop: str, expected: Sequence[tuple[str, int | None]]) -> None:
        async def shown() -> bool:
            return await self.departures(stop) == list(expected)

        await self.until(shown)

    async def until_forgotten(self, ingester: Ingester) -> None:
        """It stands by."""

        async def forgotten() -> bool:
            return ingester.pipeline is None

        await self.until(forgotten)

    async def until_complete(self) -> None:
        async def complete() -> bool:
            state = await self.state()
            return state is not None and state.complete

        await self.until(complete)


@pytest.fixture
async def world(
    valkey_url: str, postgres_url: str, gtfs_zip: Callable[..., Path]
) -> AsyncIterator[World]:
    await migrate(postgres_url)
    live = LiveStore.connect(valkey_url)
    await live.redis.flushall()
    async with (
        served(Agency(clock=NOON, body=late(60))) as agency,
        served(Agency(clock=NOON, body=works())) as beside,
        http_client() as client,
    ):
        world = World(agency, beside, live, client, postgres_url, gtfs_zip)
        await world.imported()
        yield world
        for owner in list(world.tasks):
            await world.stop(owner)
    await live.close()


ON_TIME = [("predicted", posix("08:01:00"))]


@asynccontextmanager
async def followed(live: LiveStore, stop: str) -> AsyncIterator[Callable[[], Awaitable[Message]]]:
    """Messages of a stop's channel, one after the other."""
    async with live.redis.pubsub() as pubsub:
        await pubsub.ssubscribe(keys.channel(f"city:{stop}"))
        await pubsub.get_message(timeout=PATIENCE)

        async def following() -> Message:
            received = await pubsub.get_message(timeout=PATIENCE)
            assert received is not None
            return Message.decode(received["data"])

        yield following


async def test_schedule_and_realtime_become_boards(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    await world.until_departures("b", [("predicted", posix("08:12:00"))])
    await world.until_complete()
    state = await world.state()
    assert state is not None
    assert (state.status, state.timestamp, state.now) == ("live", NOON, NOON)
    assert state.report["agencies"][0]["name"] == "Metro"
    assert await world.live.stops("city") == {"a", "b", "c"}


async def test_time_that_polls_messages_and_publishing_take_is_reported(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)

    async def reported() -> bool:
        state = await world.state()
        return state is not None and state.complete and state.report["publishing"]["boards"] > 0

    await world.until(reported)
    state = await world.state()
    assert state is not None
    [endpoint] = state.report["endpoints"]
    assert endpoint["polls"] >= endpoint["messages"] >= 1
    assert endpoint["fetch_seconds"] > 0
    assert endpoint["decode_seconds"] > 0
    assert state.report["publishing"]["boards"] >= 3  # of the city's three stops
    assert state.report["publishing"]["seconds"] > 0


async def test_polls_and_what_they_bring_are_traced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what the agency's URL may have in it."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with tracing("test"):
            world.start(url=f"{world.agency.url}?key=s3cret")
            await world.until_departures("a", ON_TIME)

        async def exported() -> bool:
            return {span.name for span in collector.spans()} >= {"poll", "take_in"}

        await world.until(exported)  # a busy machine does it behind the block's back
        told = {span.name: attributes(span.attributes) for span in collector.spans()}
    place = {"stopcast.feed": "city", "stopcast.endpoint": world.agency.url}
    assert told == {"poll": place, "take_in": place}


async def test_a_change_is_a_patch_and_the_same_poll_is_nothing(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    async with followed(world.live, "a") as following:
        await world.agency.polled(3)
        world.agency.body = late(120)
        received = await following()
    assert received.frame.startswith(b"event: patch\n")
    before = await world.board("a")
    assert before is not None
    assert received.version == before["version"]
    await world.agency.polled(3)
    assert await world.board("a") == before


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", "empty"),
        (200, b"<html>Sorry</html>", "malformed"),
        (200, late(300)[:-4], "malformed"),
        (500, b"oops", "http_500"),
        (200, message(timestamp=NOON - 60), "header_back"),
        (200, message(timestamp=NOON + 3600), "header_ahead"),
    ],
)
async def test_garbage_leaves_the_boards_and_is_reported(
    world: World, status: int, body: bytes, kind: str
) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    world.agency.status, world.agency.body = status, body

    async def reported() -> bool:
        state = await world.state()
        [endpoint] = state.report["endpoints"] if state else [{}]
        return str(endpoint.get("last_error")).startswith(f"{kind}: ")

    await world.until(reported)
    assert await world.departures("a") == ON_TIME
    world.agency.status, world.agency.body = 200, late(120)
    await world.until_departures("a", [("predicted", posix("08:02:00"))])


async def test_a_server_that_is_away_leaves_the_boards(world: World) -> None:
    ingester = world.start()
    await world.until_departures("a", ON_TIME)
    ingester.pollers[0].fetcher.endpoint = Endpoint(url="http://127.0.0.1:9/", interval=0.05)

    async def failed() -> bool:
        return ingester.pollers[0].health.failures > 1

    await world.until(failed)
    assert await world.departures("a") == ON_TIME


async def test_predictions_are_withdrawn_when_they_are_too_old(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    world.agency.clock = NOON + 90 + 600
    await world.agency.polled()
    assert await world.departures("b") == [("predicted", posix("08:12:00"))]
    world.agency.clock += 1
    await world.until_departures("b", [("scheduled", None)])
    state = await world.state()
    assert state is not None


async def test_one_update_that_is_too_old_goes_also_beside_an_endpoint_of_alerts(
    world: World,
) -> None:
    world.agency.body = told_at(NOON)
    world.start(beside=True)
    await world.until_departures("b", [("predicted", posix("08:12:00"))])
    await world.until(world.kinds_told)
    world.agency.clock = later = NOON + 90 + 600 + 1
    world.agency.body, world.beside.body = told_at(later), works(later)
    await world.until_departures("b", [("scheduled", None)])


async def test_quiet_expiry_and_replaced_routes_are_those_of_the_feed(world: World) -> None:
    """Each is other than the default."""
    world.agency.body = late(600)  # at `b` in 26 minutes: 5 % of them are more than `quiet`
    world.start(settings={"quiet": 25, "expiry": 5})
    expected = [("predicted", posix("08:21:00"))]
    await world.until_departures("b", expected)
    await world.until_complete()
    world.agency.body = late(610)
    await world.agency.polled(3)
    assert await world.departures("b") == expected
    world.agency.body = late(628)
    await world.until_departures("b", [("predicted", posix("08:21:28"))])
    world.agency.clock = NOON + 90 + 5 + 1
    await world.until_departures("b", [("scheduled", None)])
    await world.stop()
    world.agency.body = message(timestamp=NOON + 90)
    world.start("two", settings={"replaced_routes": ("r",)})
    await world.until_departures("b", [])


async def test_calls_depart_and_leave_without_a_poll(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    world.agency.clock = posix("08:01:01")
    await world.until_departures("a", [("departed", posix("08:01:00"))])
    world.agency.clock = posix("08:03:01")
    await world.until_departures("a", [])


async def test_a_restarted_ingester_goes_on_from_what_stands(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    await world.until_complete()
    before = {stop: await world.board(stop) for stop in "abc"}
    await world.stop()
    async with followed(world.live, "a") as following:
        world.start("two")
        await world.agency.polled(5)
        assert {stop: await world.board(stop) for stop in "abc"} == before
        world.agency.body = late(120)
        received = await following()
    assert before["a"] is not None
    assert received.prev == before["a"]["version"]


async def test_nothing_is_withdrawn_before_the_endpoint_has_answered(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    await world.until_complete()
    await world.stop()
    world.agency.status = 503
    second = world.start("two", clock=False)
    second.clock.hear(Reading(NOON, 0))

    async def failed() -> bool:
        return second.publisher.redis_run != "" and second.pollers[0].health.failures > 1

    await world.until(failed)
    assert await world.departures("a") == ON_TIME
    world.agency.status, world.agency.body = 200, message(timestamp=NOON)
    await world.until_departures("a", [("scheduled", None)])


async def test_an_owner_that_comes_back_withdraws_nothing_before_it_has_heard_it_again(
    world: World,
) -> None:
    """It stood by in between, and forgot what it had heard."""
    first = world.start(clock=False)
    first.clock.hear(Reading(NOON, 0))
    await world.until_departures("a", ON_TIME)
    await world.until_complete()
    other = await world.usurped()
    await world.until_forgotten(first)
    world.agency.status = 503
    await world.live.renew(other, 0)
    failures = first.pollers[0].health.failures

    async def owns_and_failed() -> bool:
        return first.publisher.redis_run != "" and first.pollers[0].health.failures > failures + 1

    await world.until(owns_and_failed)
    assert await world.departures("a") == ON_TIME


async def failing(ingester: Ingester, index: int) -> None:
    """It owns the feed, and its endpoint of that index was away three times."""
    poller = ingester.pollers[index]
    async with asyncio.timeout(PATIENCE):
        while not (ingester.publisher.redis_run and poller.health.failures > 2):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_an_endpoint_that_is_away_holds_up_what_others_tell_of_trips_for_a_moment_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start(beside=True)
    await world.until_departures("a", ON_TIME)
    await world.until(world.kinds_told)
    await world.stop()
    world.agency.body, world.beside.status = late(120), 503
    monkeypatch.setattr("feeds.ingest.ingester.HEARING", 600)
    await failing(world.start("two", beside=True), 1)
    assert await world.departures("a") == ON_TIME
    assert await world.alerts("a")
    monkeypatch.setattr("feeds.ingest.ingester.HEARING", 0)
    await world.until_departures("a", [("predicted", posix("08:02:00"))])
    assert not await world.alerts("a")


async def test_what_was_told_of_trips_stays_while_only_other_endpoints_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.ingest.ingester.HEARING", 0)
    world.start(beside=True)
    await world.until_departures("a", ON_TIME)
    await world.until(world.kinds_told)
    await world.stop()
    world.agency.status, world.beside.body = 503, message(timestamp=NOON)
    second = world.start("two", beside=True, clock=False)
    second.clock.hear(Reading(NOON, 0))
    await failing(second, 0)
    assert await world.departures("a") == ON_TIME


async def test_a_standby_takes_over_and_the_old_owner_is_fenced_off(world: World) -> None:
    first = world.start("one")
    await world.until_departures("a", ON_TIME)
    world.start("two")
    assert await world.live.owner("city") == "one"
    other = await world.usurped()
    await world.until_forgotten(first)
    world.agency.body = late(120)
    await world.live.renew(other, 0)
    await world.until_departures("a", [("predicted", posix("08:02:00"))])
    held: Any = await world.live.redis.get(keys.lease("city"))
    assert int(held.decode().split()[1]) > other.fence


async def test_a_redis_that_lost_everything_gets_it_back_as_snapshots(world: World) -> None:
    world.start()
    await world.until_complete()
    before = await world.state()
    assert before is not None
    async with followed(world.live, "a") as following:
        await world.live.redis.flushdb()
        received = await following()
    assert received.frame.startswith(b"event: snapshot\n")
    await world.until_departures("a", ON_TIME)
    await world.until_complete()
    after = await world.state()
    assert after is not None
    assert after.lineage > before.lineage


async def test_a_redis_that_lost_one_write_is_set_right(world: World) -> None:
    world.start()
    await world.until_departures("a", ON_TIME)
    await world.until_complete()
    stale = frames.snapshot({**(await world.board("a")), "arrivals": {}})  # type: ignore[typeddict-item]
    await world.live.redis.hset(
        keys.board("city:a"), mapping={"version": "7", "base": "7", "frame": stale}
    )
    world.agency.body = late(120)
    await world.until_departures("a", [("predicted", posix("08:02:00"))])


async def test_a_new_schedule_is_switched_to_and_lost_stops_are_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.ingest.schedule_watch.CHECK", 0.05)
    world.start()
    await world.until_departures("a", ON_TIME)
    await world.until_complete()
    async with followed(world.live, "c") as following:
        await world.imported(
            {
                "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\na,Alpha,1,2\nb,Beta,1,2\n",
                "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
                "t,08:05:00,08:05:00,a,1\nt,08:10:00,08:11:00,b,2\n",
            }
        )
        received = await following()
    assert received.frame == frames.gone("city:c")
    await world.until_departures("a", [("predicted", posix("08:06:00"))])
    assert await world.board("c") is None


async def test_headers_are_sent_and_the_url_is_shown_without_its_query(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_KEY", "s3cret")
    world.start(url=f"{world.agency.url}?key=s3cret", headers={"x-key": "$CITY_KEY"})
    await world.until_complete()
    assert world.agency.headers[0]["x-key"] == "s3cret"
    state = await world.state()
    assert state is not None
    assert state.report["endpoints"][0]["url"] == world.agency.url
    assert "s3cret" not in orjson.dumps(state.report).decode()


async def test_what_is_wrong_is_told_of_each_endpoint_and_of_the_feed(world: World) -> None:
    odd = trip_update("t", {"stop_id": "nowhere", "departure": 60})
    world.agency.body = message(odd, timestamp=NOON)
    world.start()

    async def reported() -> bool:
        state = await world.state()
        return state is not None and bool(state.report["quality"])

    await world.until(reported)
    state = await world.state()
    assert state is not None
    [endpoint] = state.report["endpoints"]
    assert endpoint["quality"] == state.report["quality"]
    found = state.report["quality"]["stop_not_in_trip"]
    assert (found["count"], found["fate"]) == (1, "dropped")
    assert "nowhere" in found["example"]
