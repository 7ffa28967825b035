"""Trips that are what their stop time updates say; test names carry rules and oracles."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.calls import Call
from feeds.realtime.pipeline import Pipeline
from feeds.realtime.predictions import predict
from feeds.realtime.quality import Quality
from feeds.realtime.trips import match
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival
from tests.timetables import make_timetable, message, posix, stop, trip_update

NOW = posix("09:55:00")
STOPS = [stop(stop_id) for stop_id in "abcde"]
TRIP = [
    (1, "a", "10:00:00", "10:00:00"),
    (2, "b", "10:10:00", "10:10:00"),
    (3, "c", "10:20:00", "10:20:00"),
]


@pytest.fixture
def table() -> Timetable:
    return make_timetable({"t": TRIP}, stops=STOPS)


@pytest.fixture
def quality() -> Quality:
    return Quality()


def calls(update: TripUpdate, table: Timetable, quality: Quality) -> list[Call] | None:
    instance = match(update, table, NOW, quality.note)
    assert instance is not None
    return predict(instance, update, table, quality.note)


def told(sequence: int, stop_id: str, time: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "stop_sequence": sequence,
        "stop_id": stop_id,
        **({"arrival": time, "departure": time} if time else {}),
        **more,
    }


def planned(scheduled: str, **more: int) -> dict[str, int]:
    return {"scheduled_time": posix(scheduled), **more}


def made(found: list[Call] | None) -> list[tuple[str, str, str]]:
    """Of each call its stop, what is said of it, and its effective time."""
    assert found is not None
    zero = posix("00:00:00")
    shown: list[tuple[str, str, str]] = []
    for call in found:
        minute = (call.time or zero) - zero
        time = f"{minute // 3600:02}:{minute // 60 % 60:02}"
        shown.append((call.stop_id, call.status, time))
    return shown


def new(*updates: dict[str, Any], **trip: Any) -> TripUpdate:
    named = {"schedule_relationship": "NEW", "route_id": "r", "start_date": "20240514"}
    return trip_update("new", *updates, **named | trip)


def boards(*updates: TripUpdate) -> dict[str, list[Arrival]]:
    pipeline = Pipeline(make_timetable({"t": TRIP}, stops=STOPS))
    pipeline.poll(0, message(*updates), NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    return {
        stop_id: list(board["arrivals"].values())
        for stop_id, board in pipeline.boards.boards.items()
    }


def test_t1_an_added_trip_is_its_times(table: Timetable, quality: Quality) -> None:
    update = trip_update(
        "added",
        {"stop_id": "e", "arrival": {"time": posix("10:00:00"), "delay": 60}},
        {"stop_id": "d", "arrival": "10:01:00"},
        {"stop_id": "b", "arrival": "34:00:00"},
        schedule_relationship="ADDED",
    )
    found = calls(update, table, quality)
    assert made(found) == [
        ("e", "predicted", "10:00"),
        ("d", "predicted", "10:01"),
        ("b", "predicted", "34:00"),
    ]
    assert found is not None
    assert [call.departure for call in found] == [call.arrival for call in found]
    assert {call.scheduled_departure for call in found} == {None}


def test_t2_a_skipped_stop_of_a_new_trip_stands_at_its_time(
    table: Timetable, quality: Quality
) -> None:
    middle = told(2, "d", "10:05:00", schedule_relationship="SKIPPED")
    update = new(told(1, "e", "10:00:00"), middle, told(3, "b", "10:10:00"))
    found = calls(update, table, quality)
    assert made(found) == [
        ("e", "predicted", "10:00"),
        ("d", "skipped", "10:05"),
        ("b", "predicted", "10:10"),
    ]
    assert found is not None
    assert (found[1].departure, found[1].scheduled_departure) == (None, posix("10:05:00"))
    assert [(call.first, call.last) for call in found] == [
        (True, False),
        (False, False),
        (False, True),
    ]


def test_a_skipped_stop_without_a_time_cannot_stand_on_a_board(
    table: Timetable, quality: Quality
) -> None:
    bare = told(2, "d", schedule_relationship="SKIPPED")
    found = calls(new(told(1, "e", "10:00:00"), bare, told(3, "b", "10:10:00")), table, quality)
    assert [stop_id for stop_id, *_ in made(found)] == ["e", "b"]
    assert quality.counts == {}


@pytest.mark.parametrize(
    ("updates", "kind"),
    [
        ([], "trip_without_stops"),
        ([told(1, "nowhere", "10:00:00")], "stop_unknown"),
        ([told(1, "a", arrival=60), told(2, "b", "10:10:00")], "stop_time_relative"),
    ],
)
def test_t4_no_stops_unknown_stops_or_a_delay_make_no_trip(
    updates: list[dict[str, Any]], kind: str, table: Timetable, quality: Quality
) -> None:
    assert calls(new(*updates), table, quality) is None
    assert quality.counts[kind] == 1


def test_known_stops_of_a_new_trip_remain(table: Timetable, quality: Quality) -> None:
    update = new(told(1, "e", "10:00:00"), told(2, "b", "10:10:00"), told(3, "nowhere", "10:20:00"))
    found = calls(update, table, quality)
    assert found is not None
    assert [(call.stop_id, call.last) for call in found] == [("e", False), ("b", False)]


def test_rule_19_of_a_repeated_sequence_the_first_counts(
    table: Timetable, quality: Quality
) -> None:
    update = new(told(1, "e", "10:00:00"), told(2, "d", "10:05:00"), told(2, "d", "10:06:00"))
    found = calls(update, table, quality)
    assert made(found) == [("e", "predicted", "10:00"), ("d", "predicted", "10:05")]
    assert quality.counts == {"stop_repeated": 1}


def test_rule_19_a_repetition_of_an_update_that_says_nothing_counts(
    table: Timetable, quality: Quality
) -> None:
    """As for a trip of the schedule; the trip begins and ends where it did."""
    empty, unknown = told(1, "e"), told(1, "nowhere", "09:59:00")
    first, last = told(1, "e", "10:00:00"), told(2, "b", "10:10:00")
    update = new(empty, unknown, first, told(1, "e", "10:01:00"), last, told(2, "b", "10:11:00"))
    found = calls(update, table, quality)
    assert made(found) == [("e", "predicted", "10:00"), ("b", "predicted", "10:10")]
    assert found is not None
    assert [(call.first, call.last) for call in found] == [(True, False), (False, True)]
    assert quality.counts == {"stop_time_empty": 1, "stop_unknown": 1, "stop_repeated": 2}
    scheduled = trip_update("t", told(2, "b"), told(2, "b", "10:12:00"), told(2, "b", "10:13:00"))
    assert made(calls(scheduled, table, quality))[1] == ("b", "predicted", "10:12")


def test_a_whole_trip_of_one_call_is_none_however_often_it_is_told(
    table: Timetable, quality: Quality
) -> None:
    assert calls(new(told(1, "e", "10:00:00")), table, quality) is None
    assert calls(new(told(1, "e"), told(1, "e", "10:00:00")), table, quality) is None
    assert quality.counts["trip_without_stops"] == 2


def test_rule_19_a_repetition_of_a_skipped_stop_does_not_count(
    table: Timetable, quality: Quality
) -> None:
    skipped = told(2, "d", schedule_relationship="SKIPPED")
    update = new(
        told(1, "e", "10:00:00"), skipped, told(2, "d", "10:05:00"), told(3, "b", "10:10:00")
    )
    assert [stop_id for stop_id, *_ in made(calls(update, table, quality))] == ["e", "b"]
    assert quality.counts == {"stop_repeated": 1}


def test_rule_25_a_new_trips_schedule_gives_its_delay() -> None:
    update = new(
        told(1, "a", departure=planned("10:00:00", delay=60)),
        told(2, "b", arrival=planned("10:10:00", time=posix("10:12:00"))),
        told(3, "c", arrival=planned("10:20:00")),
    )
    shown = boards(update)
    [a, b, c] = [next(x for x in shown[s] if x["trip_id"] == "new") for s in "abc"]
    assert (a["scheduled_departure"], a["departure"], a["delay"]) == (
        posix("10:00:00"),
        posix("10:01:00"),
        60,
    )
    assert (b["scheduled_arrival"], b["arrival"], b["delay"]) == (
        posix("10:10:00"),
        posix("10:12:00"),
        120,
    )
    assert (c["scheduled_arrival"], c["status"]) == (posix("10:20:00"), "scheduled")
    assert all(arrival["added"] for arrival in (a, b, c))


def test_rule_21_no_data_of_a_new_trip_is_its_schedule(table: Timetable, quality: Quality) -> None:
    silent = told(1, "a", arrival=planned("10:00:00", time=1), schedule_relationship="NO_DATA")
    found = calls(new(silent, told(2, "b", "10:10:00")), table, quality)
    assert made(found) == [("a", "no_data", "10:00"), ("b", "predicted", "10:10")]


def test_rule_25_scheduled_time_on_a_scheduled_trip_is_ignored(
    table: Timetable, quality: Quality
) -> None:
    update = trip_update("t", {"stop_sequence": 2, "arrival": planned("11:00:00", delay=60)})
    found = calls(update, table, quality)
    assert found is not None
    assert (found[1].arrival, found[1].scheduled_arrival) == (posix("10:11:00"), posix("10:10:00"))
    unmatched = trip_update("x", told(1, "a", arrival=planned("11:00:00")))
    assert calls(unmatched, table, quality) is None


def test_rule_20_a_new_trips_stops_have_headsigns_and_boarding() -> None:
    properties = {"stop_headsign": "Depot", "pickup_type": "NONE", "drop_off_type": "PHONE_AGENCY"}
    update = new(
        told(1, "d", "10:00:00", stop_time_properties=properties), told(2, "e", "10:10:00")
    )
    [arrival] = boards(update)["d"]
    assert arrival["headsign"] == "Depot"
    assert (arrival["pickup"], arrival["drop_off"]) == ("none", "phone_agency")


def test_rule_16_replacement_stands_in_place_of_the_scheduled_run() -> None:
    update = trip_update(
        "t",
        told(1, "a", "10:00:00"),
        told(2, "d", "10:05:00"),
        told(3, "e", "10:10:00"),
        schedule_relationship="REPLACEMENT",
        start_date="20240514",
    )
    shown = boards(update)
    assert {s: [a["trip_id"] for a in shown[s]] for s in "abcde"} == {
        "a": ["t"], "b": [], "c": [], "d": ["t"], "e": ["t"],
    }  # fmt: skip
    assert "added" not in shown["d"][0]
    assert shown["d"][0]["headsign"] == "Stop e"
    assert "scheduled_departure" not in shown["a"][0]


def test_a_replacement_that_is_gone_leaves_the_schedule_as_it_was() -> None:
    pipeline = Pipeline(make_timetable({"t": TRIP}, stops=STOPS))
    pipeline.changes(pipeline.pending(NOW), NOW)
    before = {stop_id: board["arrivals"] for stop_id, board in pipeline.boards.boards.items()}
    calls = [told(1, "d", "10:05:00"), told(2, "e", "10:10:00")]
    update = trip_update("t", *calls, schedule_relationship="REPLACEMENT")
    for data in (message(update), message()):
        pipeline.poll(0, data, NOW)
        pipeline.changes(pipeline.pending(NOW), NOW)
    after = {stop_id: board["arrivals"] for stop_id, board in pipeline.boards.boards.items()}
    assert after == before


def test_a_replacement_that_cannot_be_used_leaves_the_schedule() -> None:
    update = trip_update("t", told(1, "a", arrival=60), schedule_relationship="REPLACEMENT")
    assert [arrival["status"] for arrival in boards(update)["b"]] == ["scheduled"]


def test_added_under_a_scheduled_id_stands_beside_the_trip() -> None:
    update = trip_update(
        "t",
        told(1, "d", "10:05:00"),
        told(2, "b", "10:15:00"),
        schedule_relationship="ADDED",
        start_time="10:05:00",
    )
    both = sorted(boards(update)["b"], key=lambda arrival: arrival["status"])
    assert [(a["status"], a.get("added"), a.get("start_time")) for a in both] == [
        ("predicted", True, "10:05:00"),
        ("scheduled", None, None),
    ]


COPY = {"trip_id": "copy", "start_date": "20240514", "start_time": "10:30:00"}


def duplicate(*updates: dict[str, Any], **properties: str) -> TripUpdate:
    update = trip_update("t", *updates, schedule_relationship="DUPLICATED")
    for name, value in (COPY | properties).items():
        setattr(update.trip_properties, name, value)
    return update


def test_rule_16_a_duplicate_has_the_schedule_moved() -> None:
    update = duplicate({"stop_sequence": 2, "departure": 60}, trip_headsign="Extra")
    shown = boards(update)
    [original, copy] = shown["b"]
    assert (original["trip_id"], original["status"]) == ("t", "scheduled")
    assert (copy["trip_id"], copy["start_time"], copy["headsign"]) == ("copy", "10:30:00", "Extra")
    assert (copy["scheduled_departure"], copy["delay"]) == (posix("10:40:00"), 60)
    assert copy["added"]
    assert [a["status"] for a in shown["a"] if a["trip_id"] == "copy"] == ["scheduled"]


def test_rule_16_a_duplicate_without_stop_times_is_its_schedule() -> None:
    assert [a["scheduled_arrival"] for a in boards(duplicate())["c"]] == [
        posix("10:20:00"),
        posix("10:50:00"),
    ]


def test_rule_25_a_duplicate_may_tell_its_own_schedule() -> None:
    update = duplicate({"stop_sequence": 2, "departure": planned("10:45:00", delay=60)})
    [_, copy] = boards(update)["b"]
    assert (copy["scheduled_departure"], copy["departure"]) == (
        posix("10:45:00"),
        posix("10:46:00"),
    )


def test_rule_16_an_old_style_duplicate_without_stop_times_is_nothing() -> None:
    """Peers' choice: OneBusAway shows none for Sound Transit's capture of 2023-07-31 either."""
    update = trip_update(
        "t", schedule_relationship="DUPLICATED", start_date="20240514", start_time="10:30:00"
    )
    assert [arrival["trip_id"] for arrival in boards(update)["b"]] == ["t"]


@pytest.mark.parametrize("order", [1, -1])
def test_rule_16_added_beside_duplicated_counts_once(order: int) -> None:
    added = trip_update(
        "copy",
        told(2, "b", "10:47:00"),
        schedule_relationship="ADDED",
        start_date="20240514",
        route_id="r",
    )
    copy = duplicate({"stop_sequence": 2, "departure": 60})
    shown = boards(*[added, copy][::order])["b"]
    assert [(a["trip_id"], a.get("departure")) for a in shown] == [
        ("t", None),
        ("copy", posix("10:41:00")),
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_update_that_makes_no_call_gives_way_to_one_that_does(order: Sequence[int]) -> None:
    """Whichever comes first, and however new and of what style the others are."""
    empty = trip_update("x", start_date="20240514")
    added = trip_update("x", told(2, "b", "10:47:00"), start_date="20240514")
    added.trip.schedule_relationship = TripDescriptor.ADDED
    late = trip_update("x", told(2, "b", arrival=60), start_date="20240514")
    empty.timestamp, added.timestamp, late.timestamp = NOW, NOW - 5, NOW - 1
    updates = [empty, added, late]
    shown = boards(*[updates[place] for place in order])["b"]
    assert [(a["trip_id"], a.get("arrival")) for a in shown] == [
        ("t", None),
        ("x", posix("10:47:00")),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_an_update_that_cannot_be_used_gives_way_to_an_older_one(order: int) -> None:
    back = trip_update("t", told(2, "b", "10:12:00"), told(1, "a", "10:01:00"))
    good = trip_update("t", told(2, "b", "10:11:00"))
    back.timestamp, good.timestamp = int(NOW), int(NOW) - 5
    [arrival] = boards(*[back, good][::order])["b"]
    assert arrival["departure"] == posix("10:11:00")


@pytest.mark.parametrize("order", [1, -1])
def test_a_trip_that_is_deleted_is_said_to_be_so(order: int) -> None:
    """It makes no call, and means it."""
    deleted = trip_update("x", start_date="20240514", schedule_relationship="DELETED")
    added = trip_update(
        "x", told(2, "b", "10:47:00"), start_date="20240514", schedule_relationship="ADDED"
    )
    assert [a["trip_id"] for a in boards(*[deleted, added][::order])["b"]] == ["t"]


def test_rule_43_all_stops_skipped_is_listed_as_skipped() -> None:
    """The producer should have sent CANCELED; what it says of each stop is told there."""
    skipped = [{"stop_sequence": n, "schedule_relationship": "SKIPPED"} for n in (1, 2, 3)]
    shown = boards(trip_update("t", *skipped))
    assert {a["status"] for stop_id in "abc" for a in shown[stop_id]} == {"skipped"}
