"""Which run of which trip an update speaks of."""

from datetime import date, timedelta
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import TripUpdate

from feeds.realtime.descriptors import seconds
from feeds.realtime.quality import Quality
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trips import match
from feeds.timetable.entities import Frequency
from feeds.timetable.timetable import Timetable
from tests.timetables import DAY, Row, make_timetable, posix, trip_update

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


def test_rule_12_a_malformed_start_time_is_counted_and_read_as_none(quality: Quality) -> None:
    instance = matched(trip_update("morning", start_time="8 o'clock"), quality)
    assert instance is not None
    assert instance.trip_id == "morning"
    assert quality.examples == {"start_time_malformed": "morning at 8 o'clock"}


@pytest.mark.parametrize("text", ["00010101", "20240230", "99991231"])
def test_a_start_date_that_is_none_of_ours_is_malformed(text: str, quality: Quality) -> None:
    assert matched(trip_update("night", start_date=text), quality)
    assert quality.examples == {"start_date_malformed": text}


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


def test_r7_a_trip_of_another_day_is_known_and_refused(quality: Quality) -> None:
    table = make_timetable({"morning": MORNING}, others=["sunday"])
    for told in ({}, {"start_date": "20240514"}):
        assert matched(trip_update("sunday", **told), quality, table=table) is None
    assert quality.examples["trip_not_running"] == "sunday on 20240514"
    assert "trip_unscheduled" not in quality.counts


def test_t3_a_new_trip_with_the_id_of_a_trip_of_another_day_is_refused(quality: Quality) -> None:
    table = make_timetable({"morning": MORNING}, others=["sunday"])
    update = trip_update("sunday", schedule_relationship="NEW")
    assert matched(update, quality, table=table) is None
    assert quality.counts == {"new_trip_is_scheduled": 1}


@pytest.mark.parametrize("start", ["08:00:00", "8:00:00", ""])
def test_rule_12_the_scheduled_start_or_none_is_right(start: str, quality: Quality) -> None:
    assert matched(trip_update("morning", start_date="20240514", start_time=start), quality)
    assert quality.counts == {}


def test_rule_12_another_start_of_a_scheduled_trip_is_counted(quality: Quality) -> None:
    """Trip and day are known all the same."""
    instance = matched(trip_update("morning", start_time="08:05:00"), quality)
    assert instance is not None
    assert (instance.start_time, instance.shift) == (None, 0)
    update = trip_update("morning", start_date="20240514", start_time="08:05:00")
    assert matched(update, quality) == instance
    assert quality.counts["start_time_disagrees"] == 2


def test_rule_14_another_route_is_counted(quality: Quality) -> None:
    instance = matched(trip_update("morning", start_date="20240514", route_id="x"), quality)
    assert instance is not None
    assert instance.route_id == "r"
    assert quality.examples == {"route_disagrees": "morning: x"}


BY_START: dict[str, Any] = {
    "route_id": "r",
    "direction_id": 0,
    "start_date": "20240514",
    "start_time": "08:00:00",
}


def test_t14_rule_13_route_direction_start_and_date_name_a_trip(quality: Quality) -> None:
    table = make_timetable({"night": NIGHT, "morning": MORNING})
    instance = matched(trip_update("", **BY_START), quality, table=table)
    assert instance == matched(trip_update("morning", start_date="20240514"), quality, table=table)
    assert quality.counts == {}


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"start_time": "08:01:00"}, "trip_not_running"),
        ({"start_date": "20240601"}, "trip_not_running"),
        ({"direction_id": 1}, "trip_not_running"),
        ({"route_id": "other"}, "trip_not_running"),
        ({"start_time": ""}, "trip_id_missing"),
        ({"start_date": ""}, "trip_id_missing"),
        ({"route_id": ""}, "trip_id_missing"),
        ({"schedule_relationship": "ADDED"}, "trip_id_missing"),
    ],
)
def test_rule_13_less_or_other_than_that_names_none(
    changed: dict[str, Any], kind: str, quality: Quality
) -> None:
    table = make_timetable({"night": NIGHT, "morning": MORNING})
    assert matched(trip_update("", **BY_START | changed), quality, table=table) is None
    assert quality.counts == {kind: 1}


def test_rule_14_more_than_one_is_an_error(quality: Quality) -> None:
    table = make_timetable({"one": MORNING, "two": MORNING})
    assert matched(trip_update("", **BY_START), quality, table=table) is None
    assert quality.counts == {"trip_ambiguous": 1}


LATE = [(1, "a", "24:17:00", "24:17:00"), (2, "b", "24:50:00", "24:50:00")]


def test_t13_the_calendars_date_and_time_mean_the_service_day_before(quality: Quality) -> None:
    table = make_timetable({"late": LATE})
    update = trip_update("late", start_date="20240515", start_time="00:17:00")
    instance = matched(update, quality, table=table)
    assert instance is not None
    assert instance.service_date == DAY
    assert quality.examples == {"start_date_calendar": "late on 20240515"}


def test_f26_calls_a_day_too_early_mean_the_service_day_before(quality: Quality) -> None:
    table = make_timetable({"late": LATE})
    told = {"stop_sequence": 2, "arrival": "24:52:00"}
    instance = matched(trip_update("late", told, start_date="20240515"), quality, table=table)
    assert instance is not None
    assert instance.service_date == DAY


@pytest.mark.parametrize(
    ("arrival", "trip"),
    [("12:51:00", LATE), ("31:00:00", LATE), ("08:21:00", MORNING)],
    ids=["not 12 hours off", "more than 6 hours from the day before", "no trip past midnight"],
)
def test_f26_else_the_date_is_the_service_date(
    arrival: str, trip: list[Row], quality: Quality
) -> None:
    table = make_timetable({"late": trip}, days=[DAY + timedelta(n) for n in (-1, 0, 1)])
    told = {"stop_sequence": 2, "arrival": arrival}
    if arrival == "12:51:00":
        told["arrival"] = (
            "36:51:00"  # on the date itself, 13:59 too early, 12:01 off the day before
        )
    instance = matched(trip_update("late", told, start_date="20240515"), quality, table=table)
    assert instance is not None
    assert instance.service_date == DAY + timedelta(1)
    assert "start_date_calendar" not in quality.counts


def test_f26_needs_the_trip_to_run_on_the_day_before(quality: Quality) -> None:
    table = make_timetable({"late": LATE}, running={"late": [DAY + timedelta(1)]})
    update = trip_update("late", start_date="20240515", start_time="00:17:00")
    instance = matched(update, quality, table=table)
    assert instance is not None
    assert instance.service_date == DAY + timedelta(1)


def test_rule_11_an_exact_run_starts_on_its_grid(quality: Quality) -> None:
    update = trip_update("shuttle", start_date="20240514", start_time="09:11:00")
    assert matched(update, quality) is None
    assert quality.examples == {"trip_not_running": "shuttle on 20240514 at 09:11:00"}


def test_rule_11_without_exact_times_any_start_is_a_run(quality: Quality) -> None:
    periods = (Frequency(0, 86_400, 600, exact=False),)
    table = make_timetable({"loop": MORNING}, frequencies={"loop": periods})
    update = trip_update(
        "loop", start_date="20240514", start_time="09:11:00", schedule_relationship="UNSCHEDULED"
    )
    run = matched(update, quality, table=table)
    assert run is not None
    assert (run.start_time, run.exact) == (seconds("09:11:00"), False)
    assert quality.counts == {}


def test_rule_16_unscheduled_is_not_for_trips_with_times(quality: Quality) -> None:
    assert matched(trip_update("morning", schedule_relationship="UNSCHEDULED"), quality)
    assert quality.counts == {"relationship_disagrees": 1}


COPY = {"trip_id": "copy", "start_date": "20240515", "start_time": "09:30:00"}


def duplicated(told: dict[str, str], **trip: Any) -> TripUpdate:
    update = trip_update("morning", schedule_relationship="DUPLICATED", **trip)
    for name, value in told.items():
        setattr(update.trip_properties, name, value)
    return update


def test_rule_16_a_duplicate_is_the_trip_at_another_time(quality: Quality) -> None:
    copy = matched(duplicated(COPY, start_date="20240514", start_time="08:00:00"), quality)
    assert copy is not None
    assert (copy.trip_id, copy.service_date) == ("copy", DAY + timedelta(1))
    assert (copy.start_time, copy.shift) == (seconds("09:30:00"), 90 * 60)
    assert copy.added
    assert quality.counts == {}


@pytest.mark.parametrize(
    ("told", "trip", "kind"),
    [
        ({"start_date": ""}, {}, "duplicate_incomplete"),
        ({"start_time": ""}, {}, "duplicate_incomplete"),
        ({"trip_id": "night"}, {}, "new_trip_is_scheduled"),
        ({}, {"start_time": "10:00:00"}, "trip_not_running"),
        ({}, {"trip_id": "none"}, "trip_unscheduled"),
        ({}, {"trip_id": "monday", "start_date": "20240514"}, "trip_not_running"),
        ({}, {"trip_id": "shuttle"}, "duplicate_of_frequencies"),
    ],
)
def test_rule_16_what_a_duplicate_needs(
    told: dict[str, str], trip: dict[str, Any], kind: str, quality: Quality
) -> None:
    update = duplicated(COPY | told)
    for name, value in trip.items():
        setattr(update.trip, name, value)
    assert matched(update, quality) is None
    assert quality.counts == {kind: 1}


def test_rule_16_an_old_style_duplicate_at_another_start_is_a_copy(quality: Quality) -> None:
    """As Sound Transit sends them: no trip_properties."""
    copy = matched(duplicated({}, start_date="20240514", start_time="08:30:00"), quality)
    original = matched(trip_update("morning", start_date="20240514"), quality)
    assert copy is not None
    assert original is not None
    assert (copy.trip_id, copy.shift, copy.added) == ("morning", 30 * 60, True)
    assert copy.key("f") != original.key("f")


def test_rule_16_an_old_style_duplicate_at_the_trips_own_start_is_the_trip(
    quality: Quality,
) -> None:
    same = matched(duplicated({}, start_date="20240514", start_time="08:00:00"), quality)
    assert same == matched(trip_update("morning", start_date="20240514"), quality)


def test_rule_16_added_and_duplicated_or_new_of_one_trip_are_one(quality: Quality) -> None:
    named: dict[str, Any] = {"start_date": "20240515", "route_id": "r"}
    keys = {
        instance.key("f")
        for update in (
            duplicated(COPY),
            trip_update("copy", schedule_relationship="ADDED", **named),
            trip_update("copy", schedule_relationship="NEW", **named),
        )
        if (instance := matched(update, quality))
    }
    assert len(keys) == 1


def test_rule_17_a_modified_trip_is_named_by_its_selector(quality: Quality) -> None:
    update = TripUpdate()
    update.trip.modified_trip.affected_trip_id = "morning"
    update.trip.modified_trip.start_date = "20240514"
    instance = matched(update, quality)
    assert instance == matched(trip_update("morning", start_date="20240514"), quality)


def test_names_in_trip_properties_are_those_of_trips_that_realtime_makes(quality: Quality) -> None:
    update = trip_update("other", schedule_relationship="NEW")
    update.trip_properties.trip_headsign = "Centre"
    update.trip_properties.trip_short_name = "7"
    new = matched(update, quality)
    assert new is not None
    assert (new.headsign, new.short_name) == ("Centre", "7")


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
