"""The simulated source with a schedule in Postgres: the demo city, imported as any other feed."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from feeds.gtfs.schedule_import import import_schedule
from feeds.sources.clock import CLOCK_HEADER, Reading
from feeds.sources.demo.schedule import write_demo_schedule
from feeds.sources.simulate import CurrentSimulation, SimulateError, imported_timetable
from schemas.database import Connection, connect, migrate
from tests.client import PATIENCE

FEED = "simulated"
NIGHT = "2026-03-08T03:30:00-07:00"  # half an hour after the clocks went forward
NOON = datetime(2026, 11, 20, 20, tzinfo=UTC).timestamp()  # 12:00 in Los Angeles
CLOCKS_GO_FORWARD = datetime(2027, 3, 14, 20, tzinfo=UTC).timestamp()
CLOCKS_GO_BACK = datetime(2027, 11, 7, 20, tzinfo=UTC).timestamp()


@pytest.fixture
async def database(postgres_url: str, tmp_path: Path) -> AsyncIterator[Connection]:
    await migrate(postgres_url)
    path = tmp_path / "demo.zip"
    write_demo_schedule(path)
    async with connect(postgres_url) as connection:
        await import_schedule(str(path), FEED, connection)
        yield connection


async def test_demo_schedule_is_imported_without_a_complaint(
    postgres_url: str, tmp_path: Path
) -> None:
    await migrate(postgres_url)
    write_demo_schedule(tmp_path / "demo.zip")
    async with connect(postgres_url) as connection:
        result = await import_schedule(str(tmp_path / "demo.zip"), "complaints", connection)
        again = await import_schedule(str(tmp_path / "demo.zip"), "complaints", connection)
    assert result.changed
    assert result.ignored == ()
    assert result.counts["trips"] > 1500
    assert not again.changed


@pytest.mark.parametrize("time", [NOON, CLOCKS_GO_FORWARD, CLOCKS_GO_BACK])
async def test_every_rail_board_has_a_call_within_20_minutes(
    database: Connection, time: float
) -> None:
    timetable = await imported_timetable(database, FEED, time)
    today = datetime.fromtimestamp(time, timetable.timezone).date()
    begin = timetable.midnight(today) - 3600
    stations = [stop for stop in timetable.stops.values() if stop.location_type == 1]
    assert len(stations) == 39
    for station in stations:
        for platform in timetable.children(station.stop_id):
            calls = timetable.calls(platform, begin, begin + 26 * 3600)
            assert max(after.time - before.time for before, after in pairwise(calls)) <= 20 * 60


async def test_simulation_follows_the_day(database: Connection) -> None:
    current = CurrentSimulation(await imported_timetable(database, FEED, NOON), seed=1, interval=5)
    today = current.timetable
    await current.follow(database, NOON + 11 * 3600)
    assert current.timetable is today
    await current.follow(database, NOON + 12 * 3600)
    assert current.timetable.dates[-1] > today.dates[-1]


async def test_simulation_follows_the_schedule(database: Connection, tmp_path: Path) -> None:
    current = CurrentSimulation(await imported_timetable(database, FEED, NOON), seed=1, interval=5)
    before = current.timetable.version
    path = tmp_path / "other.zip"
    write_demo_schedule(path)
    with path.open("ab") as file:
        file.write(b"\0")  # other bytes, the same schedule
    assert (await import_schedule(str(path), FEED, database)).changed
    await current.follow(database, NOON)
    assert current.timetable.version != before
    assert FeedMessage.FromString(current.message("trip-updates", NOON)).entity


async def test_day_is_that_of_the_agency(database: Connection) -> None:
    """At 01:00 UTC it is still yesterday in Los Angeles."""
    evening = datetime(2026, 11, 21, 1, tzinfo=UTC)
    timetable = await imported_timetable(database, FEED, evening.timestamp())
    assert timetable.dates[-1] == evening.date()


async def test_feed_that_was_never_imported_is_named(database: Connection) -> None:
    with pytest.raises(SimulateError, match="elsewhere"):
        await imported_timetable(database, "elsewhere", NOON)


@pytest.mark.usefixtures("database")
async def test_process_serves_all_three_messages_at_its_own_time(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    command = f"-m stopcast feeds simulate --feed {FEED} --port 0 --speed 60 --at {NIGHT}"
    process = await asyncio.create_subprocess_exec(sys.executable, *command.split(), stdout=PIPE)
    assert process.stdout is not None
    try:
        urls = [(await process.stdout.readline()).decode().strip() for _ in range(3)]
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            for url in urls:
                answer = await client.get(url)
                message = FeedMessage.FromString(answer.content)
                reading = Reading.from_header(answer.headers[CLOCK_HEADER])
                assert reading.rate == 60
                assert 0 <= reading.time - message.header.timestamp < 5
                assert reading.time >= datetime.fromisoformat(NIGHT).timestamp()
            assert FeedMessage.FromString((await client.get(urls[0])).content).entity
    finally:
        process.terminate()
        assert await process.wait() == 0
