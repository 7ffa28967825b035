"""Detours by TripModifications: SPEC rules 17 and 36 to 39, as far as they are read."""

from typing import Any

import pytest
from google.protobuf import json_format
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripUpdate

from feeds.realtime.pipeline import Pipeline
from feeds.timetable.entities import Frequency
from schemas.arrivals import Arrival
from tests.timetables import make_timetable, message, posix, seconds, stop, trip_update

TRIP = [
    (10, "a", "10:00:00", "10:00:00"),
    (20, "b", "10:10:00", "10:10:00"),
    (30, "c", "10:20:00", "10:20:00"),
    (40, "d", "10:30:00", "10:30:00"),
]
NOW = posix("09:55:00")
Row = tuple[str, str, int | None, int | None]


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(make_timetable({"t": TRIP, "u": TRIP}, stops=[stop("x"), stop("y")]))


def detour(first: Any, last: Any = None, *stops: tuple[str, int], delay: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = {
        "start_stop_selector": selector(first),
        "propagated_modification_delay": delay,
        "replacement_stops": [
            {"stop_id": stop_id, "travel_time_to_stop": travel} for stop_id, travel in stops
        ],
    }
    return told | ({"end_stop_selector": selector(last)} if last is not None else {})


def selector(stop: Any) -> dict[str, Any]:
    return {"stop_sequence": stop} if isinstance(stop, int) else {"stop_id": stop}


def modified(*detours: dict[str, Any], trips: tuple[str, ...] = ("t",)) -> dict[str, Any]:
    return {
        "selected_trips": [{"trip_ids": list(trips)}],
        "service_dates": ["20240514"],
        "modifications": list(detours),
    }


def said(*modifications: dict[str, Any], updates: tuple[TripUpdate, ...] = ()) -> bytes:
    feed = FeedMessage.FromString(message(*updates))
    for number, told in enumerate(modifications):
        entity = feed.entity.add(id=f"m{number}")
        json_format.ParseDict(told, entity.trip_modifications)
    return feed.SerializeToString()


def board(pipeline: Pipeline, data: bytes) -> list[Row]:
    """Of trip t, in the order of the trip: stop, status, scheduled, predicted."""
    pipeline.poll(0, data, NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    found: list[tuple[int, Row]] = []
    for stop_id, made in pipeline.boards.boards.items():
        for told in made["arrivals"].values():
            if told["trip_id"] == "t":
                planned, predicted = times(told)
                found.append((planned or 0, (stop_id, told["status"], planned, predicted)))
    return [row for _, row in sorted(found)]


def times(told: Arrival) -> tuple[int | None, int | None]:
    return (
        told.get("scheduled_departure", told.get("scheduled_arrival")),
        told.get("departure", told.get("arrival")),
    )


def rows(*expected: tuple[str, str, str, str | None]) -> list[Row]:
    return [(s, status, posix(p), posix(d) if d else None) for s, status, p, d in expected]


AROUND_C = detour(30, 30, ("x", 480), delay=120)


def test_rule_37_replaced_stops_are_skipped_and_later_ones_come_later(pipeline: Pipeline) -> None:
    assert board(pipeline, said(modified(AROUND_C))) == rows(
        ("a", "scheduled", "10:00:00", None),
        ("b", "scheduled", "10:10:00", None),
        ("x", "scheduled", "10:18:00", None),
        ("c", "skipped", "10:20:00", None),
        ("d", "scheduled", "10:32:00", None),
    )
    assert pipeline.quality.counts == {}


def test_rule_36_only_the_listed_trips_on_the_listed_days_change(pipeline: Pipeline) -> None:
    board(pipeline, said(modified(AROUND_C)))
    arrivals = pipeline.boards.boards["c"]["arrivals"].values()
    assert {a["trip_id"]: a["status"] for a in arrivals} == {"t": "skipped", "u": "scheduled"}
    other_day = modified(AROUND_C) | {"service_dates": ["20240513"]}
    assert [status for _, status, *_ in board(pipeline, said(other_day))] == ["scheduled"] * 4


def test_rule_36_the_schedule_is_back_when_the_modification_is_gone(pipeline: Pipeline) -> None:
    before = board(pipeline, said())
    board(pipeline, said(modified(AROUND_C)))
    assert board(pipeline, said()) == before


def test_rule_37_without_end_nothing_is_removed(pipeline: Pipeline) -> None:
    shown = board(pipeline, said(modified(detour("c", None, ("x", 300)))))
    assert [(s, status) for s, status, *_ in shown] == [
        (s, "scheduled") for s in ("a", "b", "x", "c", "d")
    ]


def test_rule_37_from_the_first_stop_on_that_stop_is_the_reference(pipeline: Pipeline) -> None:
    shown = board(pipeline, said(modified(detour(10, 20, ("x", 60), ("y", 600)))))
    assert shown == rows(
        ("a", "skipped", "10:00:00", None),
        ("x", "scheduled", "10:01:00", None),
        ("b", "skipped", "10:10:00", None),
        ("y", "scheduled", "10:10:00", None),
        ("c", "scheduled", "10:20:00", None),
        ("d", "scheduled", "10:30:00", None),
    )
    [first] = pipeline.boards.boards["x"]["arrivals"].values()
    assert first["first"]


def test_rule_37_delays_of_modifications_add_up(pipeline: Pipeline) -> None:
    two = modified(detour(20, 20, ("x", 600), delay=60), detour(40, 40, ("y", 600), delay=60))
    shown = board(pipeline, said(two))
    assert shown == rows(
        ("a", "scheduled", "10:00:00", None),
        ("b", "skipped", "10:10:00", None),
        ("x", "scheduled", "10:10:00", None),
        ("c", "scheduled", "10:21:00", None),
        ("d", "skipped", "10:31:00", None),
        ("y", "scheduled", "10:31:00", None),
    )


def test_rule_38_an_update_of_the_trip_predicts_common_stops_only(pipeline: Pipeline) -> None:
    update = trip_update("t", {"stop_sequence": 20, "departure": 60})
    shown = board(pipeline, said(modified(AROUND_C), updates=(update,)))
    assert shown == rows(
        ("a", "scheduled", "10:00:00", None),
        ("b", "predicted", "10:10:00", "10:11:00"),
        ("x", "scheduled", "10:18:00", None),
        ("c", "skipped", "10:20:00", None),
        ("d", "predicted", "10:32:00", "10:31:00"),
    )


def of_modified(modifications_id: str, *updates: dict[str, Any]) -> TripUpdate:
    selected = {"modifications_id": modifications_id, "affected_trip_id": "t"}
    update = trip_update("", *updates)
    json_format.ParseDict(selected | {"start_date": "20240514"}, update.trip.modified_trip)
    return update


def test_rule_17_an_update_of_the_modified_trip_predicts_all_its_stops(pipeline: Pipeline) -> None:
    """Its stop_sequence counts from 1 along the modified trip."""
    update = of_modified("m0", {"stop_sequence": 2, "departure": 60})
    plain = trip_update("t", {"stop_sequence": 20, "departure": 600})
    shown = board(pipeline, said(modified(AROUND_C), updates=(plain, update)))
    assert shown == rows(
        ("a", "scheduled", "10:00:00", None),
        ("b", "predicted", "10:10:00", "10:11:00"),
        ("x", "predicted", "10:18:00", "10:19:00"),
        ("c", "skipped", "10:20:00", None),
        ("d", "predicted", "10:32:00", "10:33:00"),
    )
    assert "trip_update_repeated" not in pipeline.quality.counts


def test_rule_17_of_an_unknown_modification_the_plain_update_counts(pipeline: Pipeline) -> None:
    plain = trip_update("t", {"stop_sequence": 20, "departure": 60})
    update = of_modified("other", {"stop_sequence": 2, "departure": 600})
    shown = board(pipeline, said(updates=(plain, update)))
    assert shown[1] == rows(("b", "predicted", "10:10:00", "10:11:00"))[0]
    assert pipeline.quality.counts == {"modification_unknown": 1}


def test_a_canceled_trip_is_canceled_modified_or_not(pipeline: Pipeline) -> None:
    update = trip_update("t", schedule_relationship="CANCELED")
    shown = board(pipeline, said(modified(AROUND_C), updates=(update,)))
    assert [(s, status) for s, status, *_ in shown] == [(s, "canceled") for s in "abcd"]


@pytest.mark.parametrize(
    "wrong",
    [
        detour(99, 99),
        detour("nowhere", 30),
        detour(30, 20),
        detour(30, 30, ("unknown", 60)),
    ],
    ids=["no such sequence", "no such stop", "ends before it begins", "realtime stop"],
)
def test_what_is_not_understood_is_counted_not_guessed(
    wrong: dict[str, Any], pipeline: Pipeline
) -> None:
    shown = board(pipeline, said(modified(wrong)))
    assert [status for _, status, *_ in shown] == ["scheduled"] * 4
    assert pipeline.quality.counts == {"modification_unsupported": 1}


def test_overlapping_modifications_are_counted_not_guessed(pipeline: Pipeline) -> None:
    shown = board(pipeline, said(modified(detour(20, 30), detour(30, 40))))
    assert [status for _, status, *_ in shown] == ["scheduled"] * 4
    assert pipeline.quality.counts == {"modification_unsupported": 1}


def test_of_two_modifications_of_a_trip_the_same_counts_in_any_order() -> None:
    told = [modified(AROUND_C), modified(detour(20, 20))]
    shown = []
    for order in (told, told[::-1]):
        made = Pipeline(make_timetable({"t": TRIP}, stops=[stop("x")]))
        feed = FeedMessage.FromString(said(*told))
        entities = list(feed.entity) if order is told else list(feed.entity)[::-1]
        del feed.entity[:]
        feed.entity.extend(entities)
        shown.append(board(made, feed.SerializeToString()))
        assert made.quality.counts == {"modification_repeated": 1}
    assert shown[0] == shown[1]


def test_calls_keep_their_keys_through_a_modification(pipeline: Pipeline) -> None:
    board(pipeline, said())
    before = {s: set(pipeline.boards.boards[s]["arrivals"]) for s in "abcd"}
    board(pipeline, said(modified(AROUND_C)))
    assert {s: set(pipeline.boards.boards[s]["arrivals"]) for s in "abcd"} == before


def test_a_withdrawn_endpoint_takes_its_modifications_along(pipeline: Pipeline) -> None:
    before = board(pipeline, said())
    board(pipeline, said(modified(AROUND_C)))
    pipeline.withdraw(0)
    assert board(pipeline, said()) == before


def test_a_service_date_that_is_none_is_counted(pipeline: Pipeline) -> None:
    told = modified(detour(30, 30)) | {"service_dates": ["2024-05-14", "20240514"]}
    shown = board(pipeline, said(told))
    assert [status for _, status, *_ in shown] == ["scheduled", "scheduled", "skipped", "scheduled"]
    assert pipeline.quality.counts == {"modification_unsupported": 1}


def test_rule_39_a_stop_that_only_realtime_has_gets_no_board_and_what_refers_to_it_is_counted(
    pipeline: Pipeline,
) -> None:
    extra = {"stop_id": "new", "arrival": "10:05:00"}, {"stop_id": "d", "arrival": "10:25:00"}
    added = trip_update("extra", *extra, schedule_relationship="ADDED", route_id="r")
    moves = {"stop_sequence": 20, "stop_time_properties": {"assigned_stop_id": "new"}}
    assigned = trip_update("u", {**moves, "departure": 60})
    around = modified(detour(30, 30, ("new", 300)))
    feed = FeedMessage.FromString(said(around, updates=(added, assigned)))
    stop_entity = feed.entity.add(id="new stop")
    json_format.ParseDict({"stop_id": "new", "stop_lat": 1, "stop_lon": 2}, stop_entity.stop)
    shown = board(pipeline, feed.SerializeToString())
    assert [status for _, status, *_ in shown] == ["scheduled"] * 4
    boards = pipeline.boards.boards
    assert "new" not in boards
    assert {told["trip_id"] for told in boards["d"]["arrivals"].values()} == {"t", "u", "extra"}
    assert {told["trip_id"] for told in boards["b"]["arrivals"].values()} == {"t", "u"}
    assert pipeline.quality.counts == {
        "modification_unsupported": 1,
        "stop_unknown": 1,
        "assigned_stop_unknown": 1,
    }


def test_a_modified_trip_has_a_stop_for_each_mile_and_no_more(pipeline: Pipeline) -> None:
    assert len(board(pipeline, said(modified(detour("b", "b", *[("x", 60)] * 501))))) == len(TRIP)
    assert pipeline.quality.examples == {
        "modification_unsupported": "m0: t: more than 500 replacement stops"
    }


def test_many_trips_of_many_stops_are_modified_up_to_a_bound(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted anew when modifications leave: the next ones have the room."""
    monkeypatch.setattr("feeds.realtime.modifications.MOST_STOPS", 110)
    long = detour("b", "b", *[("x", 60)] * 100)
    plain = board(pipeline, said())
    for _ in range(3):
        assert board(pipeline, said(modified(long, trips=("t", "u")))) != plain
        assert board(pipeline, said(modified(long, trips=("u", "t")))) == plain
        assert board(pipeline, said()) == plain
    assert pipeline.quality.counts == {"modification_unsupported": 6}


def test_a_start_time_that_is_repeated_is_one() -> None:
    """It was taken back twice, and no further message could be read."""
    exact = Frequency(seconds("10:00:00"), seconds("11:00:00"), 600, exact=True)
    pipeline = Pipeline(make_timetable({"t": TRIP}, stops=[stop("x")], frequencies={"t": (exact,)}))
    told = modified(detour("b", "b", ("x", 60))) | {"start_times": ["10:10:00", "10:10:00"]}
    pipeline.poll(0, said(told), NOW)
    pipeline.poll(0, said(), NOW)
    assert not pipeline.quality.counts


@pytest.mark.parametrize("start", ["10:10:00", "10:05:00"])
def test_a_modified_run_leaves_behind_what_the_schedule_has_of_it(start: str) -> None:
    """All of it, or nothing where no run starts then."""
    exact = Frequency(seconds("10:00:00"), seconds("11:00:00"), 600, exact=True)
    pipeline = Pipeline(make_timetable({"t": TRIP}, stops=[stop("x")], frequencies={"t": (exact,)}))
    plain = board(pipeline, said())
    told = modified(detour("b", "b", ("x", 60))) | {"start_times": [start]}
    assert board(pipeline, said(told)) != plain
    assert board(pipeline, said()) == plain
