"""Alerts: on which boards they stand, from when until when, and which arrivals they concern."""

import random
from typing import Any

import pytest
from google.protobuf import json_format
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripUpdate
from hypothesis import given
from hypothesis import strategies as st

from feeds.realtime.boards import Change
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.entities import Agency, Route, Stop
from feeds.timetable.timetable import Timetable
from schemas import merge_patch
from schemas.arrivals import Alert, Arrival
from tests.timetables import make_timetable, posix, stop, trip_update

STOPS = [
    stop("north", location_type=1),
    stop("n1", "north"),
    stop("n2", "north"),
    stop("door", "north", 2),
    stop("s"),
    stop("empty"),
]
TRIPS = {
    "t1": [(1, "n1", "10:00:00", "10:00:00"), (2, "s", "10:20:00", "10:20:00")],
    "u1": [(1, "n2", "10:05:00", "10:05:00"), (2, "s", "10:25:00", "10:25:00")],
}
NOW = posix("09:55:00")
EVERY = {"north", "n1", "n2", "s", "empty"}


def table() -> Timetable:
    """Trip t1 is of route r (type 3, direction 0), trip u1 of the metro m (type 1, direction 1)."""
    made = make_timetable(TRIPS, stops=STOPS)
    trips = list(made.trips.values())
    object.__setattr__(trips[1], "route_id", "m")
    object.__setattr__(trips[1], "direction_id", 1)
    made.routes["m"] = Route("m", "a", "M", None, None, None, 1)
    return made


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(table())


def alert(*about: dict[str, Any], header: str = "Works", **told: Any) -> dict[str, Any]:
    texts = {"translation": [{"text": header, "language": "en"}]}
    return {"informed_entity": list(about), "header_text": texts, **told}


def said(*alerts: dict[str, Any], updates: tuple[TripUpdate, ...] = (), now: int = NOW) -> bytes:
    feed = FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = now
    for number, told in enumerate(alerts):
        json_format.ParseDict(told, feed.entity.add(id=f"a{number}").alert)
    for number, update in enumerate(updates):
        feed.entity.add(id=f"t{number}").trip_update.CopyFrom(update)
    return feed.SerializeToString()


def changes(pipeline: Pipeline, now: int = NOW) -> dict[str, Change]:
    found = pipeline.changes(pipeline.pending(now), now)
    for change in found:
        if change.before is not None:
            assert merge_patch.apply(change.before, change.patch) == change.after
    return {change.stop_id: change for change in found}


def poll(pipeline: Pipeline, *alerts: dict[str, Any], now: int = NOW, **more: Any) -> None:
    pipeline.poll(0, said(*alerts, now=now, **more), now)
    changes(pipeline, now)


def boards(pipeline: Pipeline) -> set[str]:
    """The stops that an alert stands on."""
    return {stop_id for stop_id, board in pipeline.boards.boards.items() if board["alerts"]}


def only(pipeline: Pipeline, stop_id: str = "s") -> Alert:
    [told] = pipeline.boards.boards[stop_id]["alerts"].values()
    return told


def marked(pipeline: Pipeline) -> set[tuple[str, str]]:
    """Stop and trip of the arrivals that alerts concern."""
    return {
        (stop_id, told["trip_id"])
        for stop_id, board in pipeline.boards.boards.items()
        for told in board["arrivals"].values()
        if "alerts" in told
    }


# -- where it stands, and whom it concerns ------------------------------------------------------

R_STOPS = {"n1", "north", "s"}
M_STOPS = {"n2", "north", "s"}
T1 = {(stop_id, "t1") for stop_id in R_STOPS}
U1 = {(stop_id, "u1") for stop_id in M_STOPS}


@pytest.mark.parametrize(
    ("about", "stands", "concerns"),
    [
        ({"agency_id": "a"}, EVERY, set()),
        ({"route_id": "r"}, R_STOPS, T1),
        ({"route_id": "m"}, M_STOPS, U1),
        ({"route_type": 1}, M_STOPS, U1),
        ({"route_id": "m", "direction_id": 1}, M_STOPS, U1),
        ({"route_id": "m", "direction_id": 0}, set(), set()),
        ({"trip": {"route_id": "m", "direction_id": 1}}, M_STOPS, U1),
        ({"trip": {"trip_id": "t1"}}, R_STOPS, T1),
        ({"trip": {"trip_id": "t1", "schedule_relationship": "CANCELED"}}, R_STOPS, T1),
        ({"trip": {"trip_id": "t1", "start_date": "20240514"}}, R_STOPS, T1),
        ({"trip": {"trip_id": "t1", "start_date": "20240513"}}, set(), set()),
        ({"stop_id": "s"}, {"s"}, set()),
        ({"stop_id": "north"}, {"north", "n1", "n2"}, set()),
        ({"stop_id": "n1"}, {"n1", "north"}, set()),
        ({"stop_id": "door"}, {"north"}, set()),
        ({"stop_id": "empty"}, {"empty"}, set()),
        # All fields of a selector have to hold.
        ({"agency_id": "a", "route_id": "r", "route_type": 3}, R_STOPS, T1),
        ({"agency_id": "b", "route_id": "r"}, set(), set()),
        ({"route_id": "r", "route_type": 1}, set(), set()),
        ({"route_id": "r", "trip": {"route_id": "m"}}, set(), set()),
        ({"route_id": "r", "trip": {"trip_id": "u1"}}, set(), set()),
        ({"route_id": "r", "stop_id": "s"}, {"s"}, {("s", "t1")}),
        ({"route_id": "r", "stop_id": "north"}, {"north", "n1"}, {("north", "t1"), ("n1", "t1")}),
        ({"trip": {"trip_id": "t1"}, "stop_id": "s"}, {"s"}, {("s", "t1")}),
        # What nobody knows.
        ({"stop_id": "nowhere"}, set(), set()),
        ({"route_id": "x"}, set(), set()),
        ({"agency_id": "b"}, set(), set()),
        ({"direction_id": 1}, set(), set()),
        ({}, set(), set()),
    ],
)
def test_rule_42_an_informed_entity_finds_its_boards_and_arrivals(
    pipeline: Pipeline,
    about: dict[str, Any],
    stands: set[str],
    concerns: set[tuple[str, str]],
) -> None:
    poll(pipeline, alert(about))
    assert boards(pipeline) == stands
    assert marked(pipeline) == concerns
    if not stands and "trip" not in about and about.get("direction_id") != 0:
        assert pipeline.quality.report().keys() & {"alert_entity_unknown", "alert_entity_empty"}


def test_rule_42_one_of_several_informed_entities_is_enough(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"stop_id": "empty"}, {"route_id": "m", "stop_id": "n2"}))
    assert boards(pipeline) == {"empty", "n2", "north"}
    assert marked(pipeline) == {("n2", "u1"), ("north", "u1")}


def test_an_alert_at_a_platform_does_not_concern_the_other_platforms_arrivals(
    pipeline: Pipeline,
) -> None:
    poll(pipeline, alert({"route_type": 3, "stop_id": "n1"}, {"route_type": 1, "stop_id": "n1"}))
    assert boards(pipeline) == {"n1", "north"}
    assert marked(pipeline) == {("n1", "t1"), ("north", "t1")}


def test_an_agency_is_that_of_its_routes_where_there_are_two() -> None:
    two = table()
    two.agencies["b"] = Agency("b", "Metro", "https://example.org", "Europe/Berlin", None, None)
    two.routes["m"] = Route("m", "b", "M", None, None, None, 1)
    pipeline = Pipeline(two)
    poll(pipeline, alert({"agency_id": "b"}))
    assert boards(pipeline) == M_STOPS
    assert marked(pipeline) == set()


def test_a_trip_that_only_realtime_has_is_found_too(pipeline: Pipeline) -> None:
    extra = trip_update("x", {"stop_id": "s", "arrival": "10:02:00"}, route_id="r")
    about = alert({"trip": {"trip_id": "x"}})
    poll(pipeline, updates=(extra,))
    poll(pipeline, about, updates=(extra,), now=NOW + 1)
    assert marked(pipeline) == {("s", "x")}
    poll(pipeline, about, now=NOW + 2)
    assert boards(pipeline) == set()


def test_an_alert_names_its_routes_and_the_board_describes_those_that_call_there(
    pipeline: Pipeline,
) -> None:
    later = posix("12:30:00")
    poll(pipeline, alert({"route_id": "r"}, {"trip": {"trip_id": "u1"}}), now=later)
    assert only(pipeline, "n1")["routes"] == ["f:m", "f:r"]
    board = pipeline.boards.boards["n1"]
    assert board["arrivals"] == {}
    assert board["routes"].keys() == {"f:r"}


# -- from when until when -----------------------------------------------------------------------


def test_an_alert_without_period_is_always_active(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"stop_id": "s"}))
    assert "active_periods" not in only(pipeline)


def test_periods_end_and_begin_between_polls(pipeline: Pipeline) -> None:
    first, second = posix("10:00:00"), posix("14:00:00")
    periods = [{"end": first}, {"start": second, "end": second + 600}]
    poll(pipeline, alert({"stop_id": "s"}, active_period=periods))
    assert only(pipeline)["active_periods"] == [[None, first], [second, second + 600]]
    assert "s" not in changes(pipeline, first - 1)
    assert boards(pipeline) == {"s"}
    assert changes(pipeline, first)["s"].after["alerts"] == {}
    # It begins within the window, whose far edge is two hours ahead, in steps of five minutes.
    changes(pipeline, posix("12:04:59"))
    assert boards(pipeline) == set()
    changes(pipeline, posix("12:05:00"))
    assert only(pipeline)["active_periods"] == [[second, second + 600]]
    changes(pipeline, second + 599)
    assert boards(pipeline) == {"s"}
    changes(pipeline, second + 600)
    assert boards(pipeline) == set()


def test_an_alert_that_is_to_begin_concerns_only_what_comes_after(pipeline: Pipeline) -> None:
    begin = posix("10:10:00")
    poll(pipeline, alert({"route_id": "r"}, active_period=[{"start": begin}]))
    assert boards(pipeline) == R_STOPS
    assert marked(pipeline) == {("s", "t1")}  # 10:20


def test_an_arrival_does_not_keep_an_alert_that_is_over(pipeline: Pipeline) -> None:
    end = posix("10:01:00")
    poll(pipeline, alert({"route_id": "r"}, active_period=[{"end": end}]))
    changes(pipeline, end - 1)
    assert ("n1", "t1") in marked(pipeline)
    assert [a["status"] for a in arrivals(pipeline, "n1")] == ["departed"]
    changes(pipeline, end)
    assert marked(pipeline) == set()
    assert [a["status"] for a in arrivals(pipeline, "n1")] == ["departed"]


def arrivals(pipeline: Pipeline, stop_id: str) -> list[Arrival]:
    return list(pipeline.boards.boards[stop_id]["arrivals"].values())


def test_ten_periods_are_told_at_most_those_that_are_over_not(pipeline: Pipeline) -> None:
    nights = [{"start": NOW + n * 86_400, "end": NOW + n * 86_400 + 60} for n in range(-3, 30)]
    poll(pipeline, alert({"stop_id": "s"}, active_period=nights))
    told = only(pipeline)["active_periods"]
    assert len(told) == 10
    assert told[0] == [NOW, NOW + 60]


# -- what it says, and its name -----------------------------------------------------------------


def test_an_alert_is_told_by_language_and_in_lower_case(pipeline: Pipeline) -> None:
    texts = [{"text": "Umleitung", "language": "de"}, {"text": "Detour"}, {"text": ""}]
    poll(
        pipeline,
        {
            "informed_entity": [{"stop_id": "s"}],
            "header_text": {"translation": texts},
            "description_text": {"translation": [{"text": "Long", "language": "en"}]},
            "url": {"translation": [{"text": "https://example.org/1"}]},
            "cause": "CONSTRUCTION",
            "effect": "STOP_MOVED",
            "severity_level": "WARNING",
        },
    )
    assert only(pipeline) == {
        "header": {"de": "Umleitung", "": "Detour"},
        "description": {"en": "Long"},
        "url": {"": "https://example.org/1"},
        "cause": "construction",
        "effect": "stop_moved",
        "severity": "warning",
    }


def test_what_is_unknown_is_absent(pipeline: Pipeline) -> None:
    unknown = {"cause": "UNKNOWN_CAUSE", "effect": "UNKNOWN_EFFECT"}
    poll(pipeline, alert({"stop_id": "s"}, **unknown))
    assert only(pipeline).keys() == {"header"}


def test_rule_3_an_alert_is_named_by_what_it_says_and_not_by_its_entity_id(
    pipeline: Pipeline,
) -> None:
    one, two = alert({"stop_id": "s"}), alert({"stop_id": "s"}, header="Strike")
    poll(pipeline, one, two)
    before = pipeline.boards.boards["s"]["alerts"]
    assert len(before) == 2
    poll(pipeline, two, one, now=NOW + 1)
    assert pipeline.boards.boards["s"]["alerts"] == before
    assert all(alert_id.startswith("f:") for alert_id in before)


def test_an_alert_that_is_said_twice_is_one_with_the_periods_of_both(pipeline: Pipeline) -> None:
    periods = [{"start": NOW - 60, "end": NOW + 60}, {"start": NOW + 600, "end": NOW + 660}]
    alerts = [alert({"stop_id": "s"}, active_period=[period]) for period in periods]
    for endpoint, told in enumerate(alerts):
        pipeline.poll(endpoint, said(told), NOW)
    changes(pipeline)
    assert only(pipeline)["active_periods"] == [[p["start"], p["end"]] for p in periods]
    pipeline.withdraw(0)
    changes(pipeline)
    assert only(pipeline)["active_periods"] == [[NOW + 600, NOW + 660]]


@given(st.randoms(use_true_random=False))
def test_the_order_of_alerts_and_of_their_entities_does_not_matter(rng: random.Random) -> None:
    about: list[dict[str, Any]]
    about = [{"stop_id": "s"}, {"route_id": "r"}, {"trip": {"trip_id": "u1"}}]
    alerts = [
        alert(*about),
        alert(*about, active_period=[{"start": NOW, "end": NOW + 9}, {"start": NOW + 99}]),
        alert({"agency_id": "a"}, header="Strike"),
    ]
    ordered, shuffled = Pipeline(table()), Pipeline(table())
    poll(ordered, *alerts)
    rng.shuffle(alerts)
    for told in alerts:
        rng.shuffle(told["informed_entity"])
    poll(shuffled, *alerts)
    assert ordered.boards.boards == shuffled.boards.boards


# -- what a poll changes ------------------------------------------------------------------------


def test_the_same_alerts_twice_change_nothing(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"agency_id": "a"}))
    pipeline.poll(0, said(alert({"agency_id": "a"}), now=NOW + 1), NOW + 1)
    assert pipeline.pending(NOW + 1) == []


def test_only_the_boards_that_an_alert_stands_on_are_touched(pipeline: Pipeline) -> None:
    changes(pipeline)
    pipeline.poll(0, said(alert({"route_id": "m"})), NOW)
    assert set(pipeline.pending(NOW)) == M_STOPS


def test_t9_an_alert_that_is_gone_from_a_full_dataset_is_gone(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"route_id": "r"}))
    poll(pipeline, now=NOW + 1)
    assert boards(pipeline) == set()
    assert marked(pipeline) == set()


def test_an_endpoint_that_is_withdrawn_takes_its_alerts_with_it(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"route_id": "r"}))
    pipeline.withdraw(0)
    assert changes(pipeline).keys() == R_STOPS
    assert boards(pipeline) == set()


def test_a_new_schedule_has_the_alerts_that_were_heard_before(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"route_id": "r"}))
    pipeline.switch(make_timetable({"t9": TRIPS["t1"]}, stops=[Stop(*_bare("n1"))]), NOW)
    changes(pipeline)
    assert boards(pipeline) == {"n1", "s"}


def _bare(stop_id: str) -> tuple[Any, ...]:
    return (stop_id, None, None, 0, None, None, None, None, None, None)


def test_a_new_owner_tells_alerts_against_what_stands(pipeline: Pipeline) -> None:
    poll(pipeline, alert({"route_id": "r"}, active_period=[{"start": NOW}]))
    successor = Pipeline(table())
    successor.adopt(pipeline.boards.boards)
    successor.poll(0, said(alert({"route_id": "r"}, active_period=[{"start": NOW}])), NOW)
    assert changes(successor) == {}


def test_an_alert_that_begins_while_a_passed_call_stands_is_told_there_on_time(
    pipeline: Pipeline,
) -> None:
    """Though nothing else touches that call: a board made anew would have it (a drill found it)."""
    begin = posix("10:01:00")
    works = alert({"route_id": "r"}, active_period=[{"start": begin}])
    poll(pipeline, works)
    changes(pipeline, posix("10:00:30"))
    assert ("n1", "t1") not in marked(pipeline)
    changes(pipeline, begin)
    anew = Pipeline(table())
    poll(anew, works, now=begin)
    assert pipeline.boards.boards["n1"]["arrivals"] == anew.boards.boards["n1"]["arrivals"]
    assert ("n1", "t1") in marked(pipeline)
