import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from feeds.commands.import_ import import_
from feeds.gtfs.problems import ScheduleError
from feeds.gtfs.schedule_import import import_schedule, quiet
from feeds.timetable import stored_schedule
from feeds.timetable.stored_schedule import active_version, timetable_at
from feeds.timetable.stored_version import StoredVersion
from feeds.timetable.timetable import Timetable
from schemas import database
from schemas.database import Connection
from schemas.search import stored as search
from tests.small_city import SMALL_CITY

Write = Callable[..., Path]
TABLES = (*stored_schedule.TABLES, *search.TABLES)
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC).timestamp()


async def partitions(connection: Connection) -> set[str]:
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_v[0-9]+$'"
    )
    return {row["relname"] for row in rows}


def renamed(name: str) -> dict[str, str]:
    return {"stops.txt": SMALL_CITY["stops.txt"].replace("Alpha", name)}


async def name_of_a(connection: Connection, feed_id: str = "city") -> str | None:
    timetable = await timetable_at(connection, feed_id, NOON)
    assert timetable is not None
    return timetable.stops["a"].name


async def test_an_import_is_active_at_once(gtfs_zip: Write, connection: Connection) -> None:
    result = await import_schedule(str(gtfs_zip()), "city", connection)
    assert (result.changed, result.counts["stops"], result.counts["stop_times"]) == (True, 3, 3)
    assert await active_version(connection, "city") == result.version
    assert await name_of_a(connection) == "Alpha"


async def test_the_same_bytes_again_are_no_new_version(
    gtfs_zip: Write, connection: Connection
) -> None:
    first = await import_schedule(str(gtfs_zip()), "city", connection)
    copy = gtfs_zip().rename(gtfs_zip().with_name("copy.zip"))
    again = await import_schedule(str(copy), "city", connection)
    assert (again.changed, again.version) == (False, first.version)


async def test_a_new_version_replaces_the_old_one_which_is_dropped(
    gtfs_zip: Write, connection: Connection
) -> None:
    first = await import_schedule(str(gtfs_zip()), "city", connection)
    second = await import_schedule(str(gtfs_zip(renamed("Aleph"))), "city", connection)
    assert second.version > first.version
    assert await name_of_a(connection) == "Aleph"
    assert await partitions(connection) == {f"{table}_v{second.version}" for table in TABLES}


async def test_feeds_do_not_touch_each_other(gtfs_zip: Write, connection: Connection) -> None:
    await import_schedule(str(gtfs_zip()), "one", connection)
    await import_schedule(str(gtfs_zip(renamed("Aleph"))), "two", connection)
    await import_schedule(str(gtfs_zip(renamed("Alif"))), "two", connection)
    assert await name_of_a(connection, "one") == "Alpha"
    assert await name_of_a(connection, "two") == "Alif"


async def test_a_wrong_schedule_leaves_the_active_version_standing(
    gtfs_zip: Write, connection: Connection
) -> None:
    first = await import_schedule(str(gtfs_zip()), "city", connection)
    with pytest.raises(ScheduleError, match=r"trips\.txt: is missing"):
        await import_schedule(str(gtfs_zip({"trips.txt": None})), "city", connection)
    assert await active_version(connection, "city") == first.version
    assert await name_of_a(connection) == "Alpha"


async def test_an_import_cut_in_the_middle_leaves_nothing_behind(
    gtfs_zip: Write, connection: Connection
) -> None:
    first = await import_schedule(str(gtfs_zip()), "city", connection)
    before = await partitions(connection)

    def fail(step: str, done: int, total: int) -> None:
        if step == "storing stop_times" and done == total:
            raise InterruptedError

    path = str(gtfs_zip(renamed("Aleph")))
    with pytest.raises(InterruptedError):
        await import_schedule(path, "city", connection, progress=fail)
    assert await partitions(connection) == before
    assert await active_version(connection, "city") == first.version
    assert (await import_schedule(path, "city", connection)).changed


async def test_a_reader_in_the_middle_keeps_its_version_and_the_next_import_cleans_up(
    gtfs_zip: Write, connection: Connection, migrated_url: str
) -> None:
    first = await import_schedule(str(gtfs_zip()), "city", connection)
    async with database.connect(migrated_url) as reader:
        async with reader.transaction(isolation="repeatable_read"):
            assert await name_of_a(reader) == "Alpha"
            second = await import_schedule(str(gtfs_zip(renamed("Aleph"))), "city", connection)
            assert await active_version(connection, "city") == second.version
            assert await name_of_a(reader) == "Alpha"
            assert f"stops_v{first.version}" in await partitions(connection)
        assert await name_of_a(reader) == "Aleph"
    third = await import_schedule(str(gtfs_zip(renamed("Alif"))), "city", connection)
    assert await partitions(connection) == {f"{table}_v{third.version}" for table in TABLES}


async def test_a_switch_while_a_timetable_is_loaded_leaves_it_whole(
    gtfs_zip: Write,
    connection: Connection,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = await import_schedule(str(gtfs_zip()), "city", connection)
    load = StoredVersion.timetable

    async def after_a_switch(self: StoredVersion, *given: Any) -> Timetable:
        await import_schedule(str(gtfs_zip(renamed("Aleph"))), "city", connection)
        return await load(self, *given)

    monkeypatch.setattr(StoredVersion, "timetable", after_a_switch)
    async with database.connect(migrated_url) as reader:
        timetable = await timetable_at(reader, "city", NOON)
    assert timetable is not None
    assert (timetable.version, timetable.stops["a"].name) == (first.version, "Alpha")
    assert len(timetable.stop_times(timetable.trips["t"])) == 3


async def test_two_imports_of_a_feed_at_once_make_one_version(
    gtfs_zip: Write, connection: Connection, migrated_url: str
) -> None:
    path = str(gtfs_zip())
    async with database.connect(migrated_url) as other:
        results = await asyncio.gather(
            import_schedule(path, "city", connection), import_schedule(path, "city", other)
        )
    assert sorted(result.changed for result in results) == [False, True]
    assert results[0].version == results[1].version


async def test_ids_and_texts_may_have_any_characters(
    gtfs_zip: Write, connection: Connection
) -> None:
    odd = ["a/b c}", "quo\"te,'", "\\back\\N", "ünï:côdé☃", "line\nend", "NULL", "{1,2}", "$1"]

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    ids = [quoted(text) for text in odd]
    rows = {
        "stops.txt": ["stop_id,stop_name", *(f"{one},{one}" for one in ids)],
        "routes.txt": ["route_id,route_type", *(f"{one},3" for one in ids)],
        "trips.txt": ["trip_id,route_id,service_id", *(f"{one},{one},{one}" for one in ids)],
        "calendar_dates.txt": [
            "service_id,date,exception_type",
            *(f"{one},20240515,1" for one in ids),
        ],
        "stop_times.txt": [
            "trip_id,stop_id,stop_sequence,arrival_time,departure_time,stop_headsign",
            *(f"{one},{one},{n},08:00:00,08:00:00,{one}" for one in ids for n in (1, 2)),
        ],
    }
    files = {name: "\n".join(lines) for name, lines in rows.items()} | {"calendar.txt": None}
    await import_schedule(str(gtfs_zip(files)), "city", connection)
    timetable = await timetable_at(connection, "city", NOON)
    assert timetable is not None
    assert list(timetable.stops) == odd
    for text in odd:
        trip = timetable.trips[text]
        assert (trip.route_id, timetable.stops[text].name) == (text, text)
        assert {(call.stop_id, call.headsign) for call in timetable.stop_times(trip)} == {
            (text, text)
        }
        assert len(timetable.calls(text, 0, 2**40)) == 2


async def test_r7_trips_of_other_days_are_known_by_their_id_alone(
    gtfs_zip: Write, connection: Connection
) -> None:
    files = {
        "trips.txt": SMALL_CITY["trips.txt"] + "r,summer,u\nr,daily,timeless\n",
        "stop_times.txt": SMALL_CITY["stop_times.txt"]
        + "u,08:00:00,08:00:00,a,1\nu,08:10:00,08:11:00,b,2\n",
        "calendar_dates.txt": "service_id,date,exception_type\nsummer,20240801,1\n",
    }
    await import_schedule(str(gtfs_zip(files)), "city", connection)
    timetable = await timetable_at(connection, "city", NOON)
    assert timetable is not None
    assert list(timetable.trips) == ["t"]
    known = [timetable.has_trip(trip_id) for trip_id in ("t", "u", "timeless", "x")]
    assert known == [True, True, True, False]


@pytest.mark.parametrize("feed_id", ["", "City", "a:b", "a b", "é"])
async def test_a_feed_id_of_other_characters_is_refused(
    feed_id: str, gtfs_zip: Write, connection: Connection
) -> None:
    with pytest.raises(ScheduleError, match="feed id"):
        await import_schedule(str(gtfs_zip()), feed_id, connection)


async def test_progress_ends_each_step_complete(gtfs_zip: Write, connection: Connection) -> None:
    steps: dict[str, tuple[int, int]] = {}

    def note(step: str, done: int, total: int) -> None:
        steps[step] = done, total

    await import_schedule(str(gtfs_zip()), "city", connection, progress=note)
    assert steps["reading"][0] == steps["reading"][1]
    assert steps["storing stop_times"] == (3, 3)
    quiet("anything", 0, 0)


async def test_the_command_tells_what_it_did(gtfs_zip: Write, migrated_url: str) -> None:
    path = gtfs_zip({"routes.txt": "route_id,route_type\nr,tram\n"})
    command = [str(path), "--feed", "city", "--database-url", migrated_url]
    first = await asyncio.to_thread(CliRunner().invoke, import_, command)
    again = await asyncio.to_thread(CliRunner().invoke, import_, command)
    assert first.exit_code == again.exit_code == 0
    assert first.stdout.startswith("imported city as version 1 in ")
    assert "1 agency, 3 stops, 1 routes, 1 trips, 3 stop_times" in first.stdout
    assert "routes.txt:2 route_type 'tram': is no integer" in first.stderr
    assert again.stdout == "unchanged: city has this schedule already, as version 1\n"
