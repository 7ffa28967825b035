"""Which run of which trip an update speaks of."""

from datetime import date, timedelta

import pytest
from google.transit.gtfs_realtime_pb2 import TripUpdate

from feeds.realtime.quality import Quality
from feeds.realtime.trips import TripInstance, match, seconds
from feeds.timetable.entities import Frequency
from feeds.timetable.timetable import Timetable
from tests.timetables import DAY, make_timetable, posix, trip_update

NIGHT = [(1, "a", "23:50:00", "23:50:00"), (2, "b", "25:10:00", "25:10:00")]
MORNING = [(1, "a", "08:00:00", "08:00:00"), (2, "b", "08:20:00", "08:20:00")]
TIMETABLE = make_timetable(
    {"night": NIGHT, "morning": MORNING, "monday": MORNING, "shuttle": MORNING},
    running={"monday": [DAY - timedelta(1)]},
    frequencies={"shuttle": (Frequency(0, 86_400, 600, exact=True),)},
)


@pytest.fixture
def quality() -> Quality:
    return Quality()


def matched(
    update: TripUpdate, quality: Quality, now: str = "12:00:00", table: Timetable = TIMETABLE
) -> TripInstance | None:
    return match(update, table, posix(now), quality.note)


def test_rule_10_the_start_date_is_the_service_date(quality: Quality) -> None:
    instance = matched(trip_update("night", start_date="20240513"), quality, "01:05:00")
    assert instance is not None
    assert instance.service_date == date(2024, 5, 13)


@pytest.mark.parametrize(
    ("now", "day"), [("00:30:00", DAY - timedelta(1)), ("23:00:00", DAY), ("25:00:00", DAY)]
)
def test_rule_10_without_a_date_the_run_nearest_to_now_is_meant(
    now: str, day: date, quality: Quality
) -> None:
    instance = matched(trip_update("night"), quality, now)
    assert instance is not None
    assert instance.service_date == day


def test_rule_10_the_updates_own_times_decide_before_the_clock(quality: Quality) -> None:
    update = trip_update("night", {"stop_sequence": 2, "arrival": "25:12:00"})
    instance = matched(update, quality, "00:30:00")
    assert instance is not None
    assert instance.service_date == DAY


def test_r7_a_day_without_service_is_refused(quality: Quality) -> None:
    assert matched(trip_update("monday", start_date="20240514"), quality) is None
    assert quality.examples["trip_not_running"] == "monday on 20240514"


@pytest.mark.parametrize("trip_id", ["", "  "])
def test_r6_no_trip_id_is_ignored(trip_id: str, quality: Quality) -> None:
    assert matched(trip_update(trip_id), quality) is None
    assert quality.counts["trip_id_missing"] == 1


def test_a_malformed_start_date_is_noted_and_the_nearest_run_taken(quality: Quality) -> None:
    instance = matched(trip_update("morning", start_date="2024-5-1"), quality)
    assert instance is not None
    assert instance.service_date == DAY
    assert quality.examples["start_date_malformed"] == "2024-5-1"


def test_rule_11_a_frequency_run_needs_its_start_time(quality: Quality) -> None:
    assert matched(trip_update("shuttle", start_date="20240514"), quality) is None
    assert quality.counts["start_time_missing"] == 1
    run = matched(trip_update("shuttle", start_date="20240514", start_time="09:10:00"), quality)
    assert run is not None
    assert (run.start_time, run.shift) == (seconds("09:10:00"), 70 * 60)


def test_a_trip_that_the_schedule_does_not_have_is_taken_as_it_is(quality: Quality) -> None:
    update = trip_update("A..N", start_date="20240514", route_id="r", direction_id=1)
    instance = matched(update, quality)
    assert instance is not None
    assert (instance.trip, instance.route_id, instance.direction_id) == (None, "r", 1)
    assert quality.counts["trip_unscheduled"] == 1


def test_t3_a_new_trip_with_a_scheduled_id_is_refused(quality: Quality) -> None:
    assert matched(trip_update("morning", schedule_relationship="NEW"), quality) is None
    assert quality.counts["new_trip_is_scheduled"] == 1


def test_an_added_trip_with_a_scheduled_id_is_another_trip(quality: Quality) -> None:
    added = matched(trip_update("morning", schedule_relationship="ADDED"), quality)
    scheduled = matched(trip_update("morning"), quality)
    assert added is not None
    assert scheduled is not None
    assert added.trip is None
    assert added.key("f") != scheduled.key("f")


def test_relationships_without_rules_yet_are_counted_not_guessed(quality: Quality) -> None:
    assert matched(trip_update("morning", schedule_relationship="DUPLICATED"), quality) is None
    assert quality.counts["relationship_unsupported"] == 1


def test_keys_tell_days_runs_and_feeds_apart() -> None:
    trip = TIMETABLE.trips["shuttle"]
    runs = [
        TripInstance.scheduled(trip, DAY),
        TripInstance.scheduled(trip, DAY + timedelta(1)),
        TripInstance.scheduled(trip, DAY, 3600),
        TripInstance.scheduled(trip, DAY, 7200),
    ]
    keys = {run.key("f") for run in runs} | {run.key("g") for run in runs}
    assert len(keys) == 8
    assert TripInstance.scheduled(trip, DAY).key("f") in keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("08:00:00", 28_800),
        ("8:00:00", 28_800),
        ("25:15:35", 90_935),
        ("8:60:00", None),
        ("", None),
    ],
)
def test_gtfs_times(text: str, expected: int | None) -> None:
    assert seconds(text) == expected
