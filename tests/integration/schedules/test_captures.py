"""Real schedules: each is imported, or refused for what is truly wrong in it."""

import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from feeds.gtfs.problems import ScheduleError
from feeds.gtfs.schedule_import import ImportResult, import_schedule
from feeds.timetable.stored_schedule import timetable_at
from feeds.timetable.timetable import Timetable
from schemas.database import Connection

TRANSITLAND = "transitland-lib/server/gtfs"
NYC = "onebusaway-app-modules/nyct_multi_trips/MTASBWY/cut.zip"
SOUND_TRANSIT = "onebusaway-app-modules/st_duplicated_trips/40/st.zip"
VALIDATOR = "gtfs-rt-validator-veodyn/gtfs"
LEGACY = f"{VALIDATOR}/bullrunner-gtfs-timepoints-only-legacy-exact-times-1.zip"

WHOLE = (
    "transitland-lib/rt/hart.zip",
    "transitland-lib/rt/ct.zip",
    SOUND_TRANSIT,
    f"{TRANSITLAND}/bart.zip",
    f"{TRANSITLAND}/bart-old.zip",
    f"{TRANSITLAND}/bart-new.zip",
    f"{TRANSITLAND}/caltrain.zip",
    f"{TRANSITLAND}/eg.zip",
    f"{TRANSITLAND}/example.zip",
    f"{VALIDATOR}/bullrunner-gtfs.zip",
    LEGACY,
    f"{VALIDATOR}/testagency.zip",
    f"{VALIDATOR}/testagency2.zip",
    "nigiri/gtfsrt_rt_test/01_static.zip",
    "nigiri/gtfsrt_alert_test/01_static.zip",
    "nigiri/gtfsrt_added_test/01_static.zip",
    "nigiri/gtfsrt_relative_test/01_static.zip",
    "nigiri/gtfsrt_skip_cancel_test/01_static.zip",
    "nigiri/rt_delay_test/01_static.zip",
)


def rows(path: Path, name: str) -> int:
    """So many rows are in a file of the zip, by the csv module."""
    with ZipFile(path) as archive:
        if name not in archive.namelist():
            return 0
        lines = io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")
        return sum(1 for row in csv.reader(lines) if any(row)) - 1


async def imported(connection: Connection, path: Path, *, skip_wrong: bool = False) -> ImportResult:
    return await import_schedule(str(path), "feed", connection, skip_wrong=skip_wrong)


def noon(today: date) -> float:
    """In UTC: on the same day in Europe and America."""
    return datetime.combine(today, time(12), UTC).timestamp()


async def loaded(connection: Connection, path: Path, today: date) -> Timetable:
    await imported(connection, path)
    timetable = await timetable_at(connection, "feed", noon(today))
    assert timetable is not None
    return timetable


def local(timetable: Timetable, text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timetable.timezone).timestamp())


@pytest.mark.parametrize("name", WHOLE)
async def test_a_schedule_is_imported_whole(
    name: str, connection: Connection, captures: Path
) -> None:
    result = await imported(connection, captures / name)
    assert result.counts == {
        table: rows(captures / name, f"{table}.txt") for table in result.counts
    }


async def test_a_stop_beyond_the_poles_is_refused(connection: Connection, captures: Path) -> None:
    with pytest.raises(ScheduleError) as caught:
        await imported(connection, captures / TRANSITLAND / "bart-errors.zip")
    assert [str(problem) for problem in caught.value.problems] == [
        "stops.txt:49 stop_lat '-200': is no number from -90 to 90",
        "stops.txt:49 stop_lon '-200': is no number from -180 to 180",
    ]


async def test_calls_at_stops_that_are_not_there_are_refused_or_skipped(
    connection: Connection, captures: Path
) -> None:
    with pytest.raises(ScheduleError) as caught:
        await imported(connection, captures / NYC)
    assert caught.value.total == 77
    assert caught.value.problems[0].line == 3_989
    result = await imported(connection, captures / NYC, skip_wrong=True)
    assert result.counts["stop_times"] == 143_616 - 77


async def test_a_trip_without_any_time_is_refused_or_skipped(
    connection: Connection, captures: Path
) -> None:
    path = captures / "nigiri/gtfsrt_resolve_trip_test/08_static.zip"
    with pytest.raises(ScheduleError, match="begins or ends a trip without a time"):
        await imported(connection, path)
    await imported(connection, path, skip_wrong=True)
    timetable = await timetable_at(connection, "feed", noon(date(2023, 8, 10)))
    assert timetable is not None
    assert set(timetable.trips) == {"5456914", "5456915"}


async def test_calls_of_a_stop_in_a_window(connection: Connection, captures: Path) -> None:
    """ORACLES F1: FTVL, 16:00 to 16:05 (its end included), three calls, 1031527WKDY at 16:02."""
    timetable = await loaded(connection, captures / TRANSITLAND / "bart.zip", date(2018, 5, 30))
    begin = local(timetable, "2018-05-30T16:00")
    calls = timetable.calls("FTVL", begin, begin + 301)
    assert len(calls) == 3
    assert ("1031527WKDY", begin + 120) in {(call.trip.trip_id, call.time) for call in calls}
    assert len(timetable.stop_times(timetable.trips["1031527WKDY"])) == 20


async def test_trips_after_midnight_are_on_the_board_of_the_next_day(
    connection: Connection, captures: Path
) -> None:
    timetable = await loaded(connection, captures / "transitland-lib/rt/ct.zip", date(2023, 11, 8))
    begin = local(timetable, "2023-11-08T00:00")
    late = [
        call
        for stop_id in timetable.stops
        for call in timetable.calls(stop_id, begin, begin + 7_200)
    ]
    assert late
    assert {call.service_date for call in late} == {date(2023, 11, 7)}
    assert all(timetable.runs(call.trip, date(2023, 11, 7)) for call in late)


async def test_stations_have_their_platforms(connection: Connection, captures: Path) -> None:
    timetable = await loaded(connection, captures / SOUND_TRANSIT, date(2023, 7, 15))
    assert set(timetable.children("C03")) == {"1108", "1121"}
    assert timetable.stops["1108"].parent_station == "C03"


async def test_arrays_hold_a_stop_time_in_at_most_60_bytes(
    connection: Connection, captures: Path
) -> None:
    path = captures / "transitland-lib/rt/hart.zip"
    timetable = await loaded(connection, path, date(2020, 12, 2))
    stop_times = sum(trip.length for trip in timetable.trips.values())
    assert stop_times > 100_000
    assert timetable.nbytes / stop_times <= 60


async def test_frequencies_with_exact_times_are_runs(
    connection: Connection, captures: Path
) -> None:
    timetable = await loaded(connection, captures / LEGACY, date(2016, 3, 2))  # a Wednesday
    begin = local(timetable, "2016-03-02T07:00")
    first = timetable.stop_times(timetable.trips["1"])[0].stop_id
    starts = [
        call.start_time
        for call in timetable.calls(first, begin, begin + 3_600)
        if call.trip.trip_id == "1" and call.position == 0
    ]
    assert starts == [7 * 3600 + n * 600 for n in range(6)]


async def test_only_what_runs_on_the_loaded_days_is_in_memory(
    connection: Connection, captures: Path
) -> None:
    timetable = await loaded(
        connection, captures / "transitland-lib/rt/hart.zip", date(2020, 12, 2)
    )
    assert timetable.dates == tuple(date(2020, 12, 2) + timedelta(days=n) for n in (-1, 0, 1))
    assert 0 < len(timetable.trips) < 13_217
    assert all(
        any(timetable.runs(trip, day) for day in timetable.dates)
        for trip in timetable.trips.values()
    )


async def test_a_schedule_that_has_ended_has_stops_and_no_trips(
    connection: Connection, captures: Path
) -> None:
    timetable = await loaded(connection, captures / SOUND_TRANSIT, date(2026, 1, 1))
    assert timetable.trips == {}
    assert len(timetable.stops) == rows(captures / SOUND_TRANSIT, "stops.txt")
    assert timetable.calls("1108", 0, 2**40) == []


async def test_a_feed_that_was_never_imported_has_no_timetable(connection: Connection) -> None:
    assert await timetable_at(connection, "nowhere", noon(date(2024, 1, 1))) is None
