"""ORACLES.md section 3: trips that are added, replaced, refused or hard to find, row by row."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from feeds.realtime.pipeline import Pipeline
from schemas.arrivals import Arrival
from tests.schedules import load
from tests.timetables import DAY, message, posix, trip_update

RunFiles = Callable[..., Awaitable[Any]]

ADDED = "nigiri/gtfsrt_added_test"
STATIC = f"{ADDED}/01_static.zip"
SENT = "2023-08-10T09:38:44Z"  # when the first calls of the added trips are over
NOW = posix("07:55:00")  # of the small city's Paris too
E_TIME, D_TIME, B_TIME = 1691658900, 1691658960, 1691659080


def told(call: Any) -> tuple[str, int | None, int | None]:
    return call.stop_id, call.arrival, call.departure


def trip_ids(run: Any) -> set[str]:
    boards = run.pipeline.boards.boards.values()
    return {arrival["trip_id"] for board in boards for arrival in board["arrivals"].values()}


async def test_t1_an_added_trip_is_what_its_updates_say(run_files: RunFiles) -> None:
    run = await run_files(STATIC, f"{ADDED}/02_kTripAdded.json", at=SENT)
    assert [told(call) for call in run.calls("TRIP_ADDED")] == [
        ("E", E_TIME, E_TIME),
        ("D", D_TIME, D_TIME),
        ("B", 1691745480, 1691745480),
    ]
    # There is no schedule that the delay of 60 s could be against.
    assert {call.scheduled_departure for call in run.calls("TRIP_ADDED")} == {None}


async def test_t2_a_new_trip_with_a_skipped_stop_in_the_middle(run_files: RunFiles) -> None:
    run = await run_files(STATIC, f"{ADDED}/03_kTripNew.json", at=SENT)
    first, middle, last = run.calls("TRIP_NEW")
    assert (first.stop_id, first.departure) == ("E", E_TIME)
    assert (middle.stop_id, middle.departure, middle.status) == ("D", None, "skipped")
    assert (last.stop_id, last.arrival) == ("B", B_TIME)
    assert (first.drop_off_type, last.pickup_type) == (1, 1)


async def test_t2_the_next_message_may_make_a_new_trip_longer(
    run_files: RunFiles, captures: Path
) -> None:
    """nigiri keeps the stops of the first message; for us each message is the whole truth."""
    run = await run_files(STATIC, f"{ADDED}/03_kTripNew.json", at=SENT)
    run.poll(captures / ADDED / "04_kTripNewLonger.json")
    calls = run.calls("TRIP_NEW")
    assert [call.stop_id for call in calls] == ["E", "D", "B", "A"]
    assert (calls[2].arrival, calls[2].departure) == (1691660531, 1691660531)  # not before it comes
    assert calls[3].arrival == 1691661431
    arrival = run.arrivals("A")["TRIP_NEW"]
    assert (arrival["headsign"], arrival["added"]) == ("New Headsign", True)


async def test_t3_a_new_trip_with_a_scheduled_id_is_refused(run_files: RunFiles) -> None:
    run = await run_files(STATIC, f"{ADDED}/10_kTripNewWithSameId.json", at=SENT)
    assert trip_ids(run) == {"TRIP_1"}
    assert run.arrivals("D")["TRIP_1"]["status"] == "scheduled"
    assert run.pipeline.quality.counts["new_trip_is_scheduled"] == 1


@pytest.mark.parametrize(
    "capture",
    ["06_kTripNewBare.json", "08_kTripNewNonExistingStops.json", "09_kTripNewRelative.json"],
)
async def test_t4_a_new_trip_without_known_stops_or_times_is_none(
    run_files: RunFiles, capture: str
) -> None:
    run = await run_files(STATIC, f"{ADDED}/{capture}", at=SENT)
    assert trip_ids(run) == {"TRIP_1"}
    assert sum(run.pipeline.quality.counts.values()) > 0


def test_t4_a_new_trip_of_one_call_is_none(gtfs_zip: Callable[..., Path]) -> None:
    """It would begin and end there, so nobody could arrive or depart."""
    pipeline = Pipeline(load(gtfs_zip(), DAY))
    only = {"stop_id": "a", "departure": "08:04:00"}
    pipeline.poll(0, message(trip_update("x", only, schedule_relationship="NEW")), NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    assert [arrival["trip_id"] for arrival in arrivals(pipeline, "a")] == ["t"]


async def test_a_replacement_is_its_updates_and_nothing_of_the_schedule(
    run_files: RunFiles,
) -> None:
    run = await run_files(STATIC, f"{ADDED}/11_kTripReplacement.json", at=SENT)
    calls = run.calls("TRIP_1")
    assert [call.stop_id for call in calls] == ["E", "D", "B"]
    assert [call.status for call in calls] == ["predicted", "skipped", "predicted"]
    assert (calls[0].departure, calls[2].arrival) == (E_TIME, B_TIME)
    assert "TRIP_1" not in run.arrivals("C")


async def test_a_duplicate_without_updates_is_a_scheduled_copy(run_files: RunFiles) -> None:
    realtime = f"{ADDED}/12_kTripDuplicatedEmpty.json"
    run = await run_files(STATIC, realtime, at="2023-08-11T08:00:00Z")
    assert run.arrivals("A")["TRIP_1"]["status"] == "scheduled"  # the original runs on
    copy = run.arrivals("A")["TRIP_1_DUPL"]
    assert copy["scheduled_departure"] == posix_utc("08:10")
    assert copy["start_time"] == "10:10:00"
    assert run.arrivals("B")["TRIP_1_DUPL"]["scheduled_arrival"] == posix_utc("09:10")


async def test_a_duplicates_delays_are_told_against_the_shifted_schedule(
    run_files: RunFiles,
) -> None:
    realtime = f"{ADDED}/13_kTripDuplicated.json"
    run = await run_files(STATIC, realtime, at="2023-08-11T08:00:00Z")
    calls = run.calls("TRIP_1_DUPL")
    assert calls[0].departure is None
    assert calls[1].departure == 1691669460  # 10.08., absolute, and as wrong as it was sent
    assert calls[5].arrival - calls[5].scheduled_arrival == 300


async def test_a_duplicate_of_a_start_that_is_not_the_trips_is_none(run_files: RunFiles) -> None:
    realtime = f"{ADDED}/14_kTripDuplicatedNonExistent.json"
    run = await run_files(STATIC, realtime, at="2023-08-11T08:00:00Z")
    assert trip_ids(run) == {"TRIP_1"}


def posix_utc(text: str) -> int:
    """A moment of 2023-08-11."""
    hours, minutes = map(int, text.split(":"))
    return 1691712000 + hours * 3600 + minutes * 60


async def test_t13_a_calendar_date_for_a_trip_after_midnight_is_understood(
    gtfs_zip: Callable[..., Path],
) -> None:
    """Peers' choice: ours is nigiri's (RIPTA), the day before by the schedule's count."""
    path = gtfs_zip(
        {
            "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
            "t,24:17:00,24:17:00,a,1\nt,24:30:00,24:30:00,b,2\n"
        }
    )
    now = posix("24:10:00")
    pipeline = Pipeline(load(path, DAY + timedelta(1)))
    named = {"start_date": "20240515", "start_time": "00:17:00"}
    late = trip_update("t", {"stop_sequence": 1, "departure": 60}, **named)
    pipeline.poll(0, message(late), now)
    pipeline.changes(pipeline.pending(now), now)
    [arrival] = pipeline.boards.boards["a"]["arrivals"].values()
    assert arrival["service_date"] == "20240514"
    assert arrival["departure"] == posix("24:18:00")
    assert pipeline.quality.counts["start_date_calendar"] == 1


async def test_t14_route_direction_date_and_time_name_a_trip(
    gtfs_zip: Callable[..., Path],
) -> None:
    trips = "route_id,service_id,trip_id,direction_id\nr,daily,t,0\nr,daily,back,1\n"
    times = "t,08:00:00,08:00:00,a,1\nt,08:20:00,08:20:00,b,2\n"
    times += "back,08:00:00,08:00:00,b,1\nback,08:20:00,08:20:00,a,2\n"
    header = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    path = gtfs_zip({"trips.txt": trips, "stop_times.txt": header + times})
    pipeline = Pipeline(load(path, DAY))
    named = {"route_id": "r", "start_time": "08:00:00", "start_date": f"{DAY:%Y%m%d}"}
    update = trip_update("", {"stop_id": "b", "departure": "08:03:00"}, direction_id=1, **named)
    pipeline.poll(0, message(update), NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    statuses = {a["trip_id"]: a["status"] for a in arrivals(pipeline, "b")}
    assert statuses == {"t": "scheduled", "back": "predicted"}


def test_t15_a_trip_without_any_times_is_none(captures: Path) -> None:
    """Peers' choice: as nigiri's; the import leaves such a trip out and tells it."""
    folder = captures / "nigiri/gtfsrt_resolve_trip_test"
    table = load(folder / "08_static.zip", date(2023, 9, 5))
    assert table.trips.keys() == {"5456914", "5456915"}


def test_t17_a_trip_update_needs_no_vehicle(gtfs_zip: Callable[..., Path]) -> None:
    pipeline = Pipeline(load(gtfs_zip(), DAY))
    pipeline.poll(0, message(trip_update("t", {"stop_sequence": 1, "departure": 60})), NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    [arrival] = arrivals(pipeline, "a")
    assert (arrival["status"], arrival["delay"]) == ("predicted", 60)


def test_t18_the_delay_behind_an_absolute_time_goes_on(gtfs_zip: Callable[..., Path]) -> None:
    """By the specification; maglev goes on with 0 there."""
    pipeline = Pipeline(load(gtfs_zip(), DAY))
    pipeline.poll(0, message(trip_update("t", {"stop_sequence": 1, "departure": "08:04:00"})), NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    [arrival] = arrivals(pipeline, "b")
    assert arrival["delay"] == 240


@pytest.mark.parametrize("relationship", ["CANCELED", "DELETED"])
def test_t8_no_stop_time_update_keeps_a_trip_from_being_called_off(
    gtfs_zip: Callable[..., Path], relationship: str
) -> None:
    """Rule 16: it overrides them, those too that would be refused (R5)."""
    unusable = [{"stop_sequence": 3, "arrival": 0}, {"stop_sequence": 1, "departure": 0}]
    pipeline = Pipeline(load(gtfs_zip(), DAY))
    called_off = trip_update("t", *unusable, schedule_relationship=relationship)
    pipeline.poll(0, message(called_off), NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    expected = {"CANCELED": ["canceled"], "DELETED": []}
    assert [a["status"] for a in arrivals(pipeline, "a")] == expected[relationship]


def arrivals(pipeline: Pipeline, stop_id: str) -> list[Arrival]:
    return list(pipeline.boards.boards[stop_id]["arrivals"].values())
