"""From messages to changed boards: what a poll, the clock and a schedule do to them."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import TripUpdate
from hypothesis import given
from hypothesis import strategies as st

from feeds.realtime.boards import Change
from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from feeds.realtime.window import AHEAD, STEP, edge, enters, phase
from feeds.timetable.timetable import Timetable
from schemas import merge_patch
from tests.timetables import Row, make_timetable, message, posix, stop, trip_update

STOPS = [stop("north", location_type=1), stop("n1", "north"), stop("n2", "north"), stop("s")]
TRIPS = {
    "t1": [(1, "n1", "10:00:00", "10:00:00"), (2, "s", "10:20:00", "10:20:00")],
    "t2": [(1, "n1", "10:10:00", "10:10:00"), (2, "s", "10:30:00", "10:30:00")],
}
NOW = posix("09:55:00")


def table(**changes: Any) -> Timetable:
    return make_timetable(TRIPS, stops=STOPS, **changes)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(table())


def changes(pipeline: Pipeline, now: float = NOW) -> dict[str, Change]:
    found = pipeline.changes(pipeline.pending(now), now)
    return {change.stop_id: change for change in found}


def shown(pipeline: Pipeline, stop_id: str) -> list[tuple[str, str, int | None]]:
    arrivals = pipeline.boards.boards[stop_id]["arrivals"].values()
    return [(a["trip_id"], a["status"], a.get("departure", a.get("arrival"))) for a in arrivals]


def late(trip_id: str, seconds: int, **told: Any) -> TripUpdate:
    return trip_update(trip_id, {"stop_sequence": 1, "departure": seconds}, **told)


def test_every_stop_has_a_board_empty_ones_too(pipeline: Pipeline) -> None:
    assert changes(pipeline).keys() == {"north", "n1", "n2", "s"}
    assert pipeline.boards.boards["n2"]["arrivals"] == {}
    assert shown(pipeline, "n1") == [("t1", "scheduled", None), ("t2", "scheduled", None)]


def test_a_stations_board_is_the_union_of_its_platforms(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60)), NOW)
    changes(pipeline)
    platform = pipeline.boards.boards["n1"]["arrivals"]
    station = pipeline.boards.boards["north"]["arrivals"]
    assert station == {key: {**told, "stop_id": "n1"} for key, told in platform.items()}


def test_t9_a_trip_that_is_gone_from_a_full_dataset_is_scheduled_again(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60), late("t2", 60)), NOW)
    changes(pipeline)
    pipeline.poll(0, message(late("t2", 60)), NOW)
    assert changes(pipeline).keys() == {"north", "n1", "s"}
    assert shown(pipeline, "n1") == [
        ("t1", "scheduled", None),
        ("t2", "predicted", posix("10:11:00")),
    ]


def test_rule_5_the_same_poll_twice_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60), timestamp=int(NOW)), NOW)
    changes(pipeline)
    pipeline.poll(0, message(late("t1", 60), timestamp=int(NOW)), NOW)
    pipeline.poll(0, message(late("t1", 60), timestamp=int(NOW) + 1), NOW + 1)
    assert pipeline.pending(NOW) == []


def test_only_the_stops_of_touched_trips_are_made_anew(pipeline: Pipeline) -> None:
    changes(pipeline)
    pipeline.poll(0, message(trip_update("t1", {"stop_sequence": 2, "arrival": 60})), NOW)
    assert pipeline.pending(NOW) == ["n1", "north", "s"]
    pipeline.adopt(pipeline.boards.boards)
    assert changes(pipeline).keys() == {"s"}


def test_only_calls_that_are_others_than_before_are_looked_at(pipeline: Pipeline) -> None:
    for delay, stops in ((60, ["n1", "north", "s"]), (90, ["s"])):
        changes(pipeline)
        pipeline.poll(0, message(trip_update("t1", {"stop_sequence": 2, "arrival": delay})), NOW)
        assert pipeline.pending(NOW) == stops
        changes(pipeline)


def test_a_call_that_came_into_view_while_realtime_had_its_trip_is_scheduled_without_it(
    pipeline: Pipeline,
) -> None:
    early, later = posix("08:00:00"), posix("08:30:00")
    pipeline.poll(0, message(late("t2", 60)), early)
    changes(pipeline, early)
    assert "t2" not in [trip for trip, *_ in shown(pipeline, "n1")]
    changes(pipeline, later)
    assert ("t2", "predicted", posix("10:11:00")) in shown(pipeline, "n1")
    pipeline.poll(0, message(late("t1", 60)), later)
    changes(pipeline, later)
    assert ("t2", "scheduled", None) in shown(pipeline, "n1")
    assert ("t2", "scheduled", None) in shown(pipeline, "north")


def test_a_patch_turns_the_board_before_into_the_board_after(pipeline: Pipeline) -> None:
    changes(pipeline)
    pipeline.poll(0, message(late("t1", 60)), NOW)
    for change in changes(pipeline).values():
        assert change.patch
        assert merge_patch.apply(change.before, change.patch) == change.after


def test_calls_depart_and_leave_without_a_poll(pipeline: Pipeline) -> None:
    changes(pipeline)
    departed, gone = posix("10:00:01"), posix("10:02:01")
    assert "n1" not in changes(pipeline, departed - 1)
    *_, last = _after(changes(pipeline, departed)["n1"])
    assert last[1] == "scheduled"
    assert shown(pipeline, "n1")[0] == ("t1", "departed", None)
    assert "n1" not in changes(pipeline, gone - 1)
    assert [trip for trip, *_ in _after(changes(pipeline, gone)["n1"])] == ["t2"]


def _after(change: Change) -> list[tuple[str, str]]:
    return [(told["trip_id"], told["status"]) for told in change.after["arrivals"].values()]


def test_rule_28_a_call_seen_departed_stays_so_when_its_update_is_dropped(
    pipeline: Pipeline,
) -> None:
    on = [{"stop_sequence": 1, "departure": 300}, {"stop_sequence": 2, "arrival": 300}]
    pipeline.poll(0, message(trip_update("t1", *on)), NOW)
    changes(pipeline)
    now = posix("10:05:30")
    changes(pipeline, now)
    pipeline.poll(0, message(trip_update("t1", on[1])), now)
    changes(pipeline, now)
    assert shown(pipeline, "n1")[0] == ("t1", "departed", posix("10:05:00"))
    changes(pipeline, posix("10:07:01"))
    assert [trip for trip, *_ in shown(pipeline, "n1")] == ["t2"]


def test_rule_28_a_departed_call_keeps_its_time_when_its_update_is_dropped(
    pipeline: Pipeline,
) -> None:
    on = [{"stop_sequence": 1, "departure": 60}, {"stop_sequence": 2, "arrival": 60}]
    pipeline.poll(0, message(trip_update("t1", *on)), NOW)
    changes(pipeline, posix("10:01:10"))
    pipeline.poll(0, message(trip_update("t1", on[1])), posix("10:01:20"))
    for now in ("10:01:20", "10:02:01", "10:03:00"):
        changes(pipeline, posix(now))
        assert shown(pipeline, "n1")[0] == ("t1", "departed", posix("10:01:00"))
    changes(pipeline, posix("10:03:01"))
    assert [trip for trip, *_ in shown(pipeline, "n1")] == ["t2"]


def test_rule_28_a_call_that_left_early_does_not_come_back_as_scheduled(
    pipeline: Pipeline,
) -> None:
    pipeline.poll(0, message(late("t1", -180)), NOW)
    changes(pipeline, posix("09:57:30"))
    pipeline.poll(0, message(), posix("09:57:40"))
    for now in ("09:57:40", "09:59:01", "10:00:30", "10:02:00"):
        changes(pipeline, posix(now))
        assert shown(pipeline, "n1")[0] == ("t1", "departed", posix("09:57:00"))
    changes(pipeline, posix("10:02:01"))
    assert [trip for trip, *_ in shown(pipeline, "n1")] == ["t2"]


def test_a_departed_call_that_is_predicted_again_comes_back(pipeline: Pipeline) -> None:
    now = posix("10:00:30")
    changes(pipeline, now)
    assert shown(pipeline, "n1")[0] == ("t1", "departed", None)
    pipeline.poll(0, message(late("t1", 300)), now)
    changes(pipeline, now)
    assert shown(pipeline, "n1")[0] == ("t1", "predicted", posix("10:05:00"))


def test_the_window_ends_two_hours_ahead_in_steps_of_five_minutes(pipeline: Pipeline) -> None:
    """Of a station and its platforms at once, of stations at different times."""
    enters = posix("08:00:00") + phase("north") + (STEP if phase("north") == 0 else 0)
    changes(pipeline, enters - 1)
    assert shown(pipeline, "n1") == []
    assert {"n1", "north"} <= changes(pipeline, enters).keys()
    assert shown(pipeline, "n1") == [("t1", "scheduled", None)]


@given(st.integers(0, 10**6), st.text(min_size=1))
def test_every_board_looks_at_least_115_minutes_ahead_and_at_most_120(
    now: int, station: str
) -> None:
    end = edge(now, phase(station))
    assert now + AHEAD - STEP < end <= now + AHEAD
    assert edge(enters(now, phase(station)), phase(station)) > now
    assert edge(enters(now, phase(station)) - 1, phase(station)) <= now


def test_the_first_hundred_calls_are_shown() -> None:
    rows = {
        f"t{n:03}": [(1, "n1", f"10:{n // 60:02}:{n % 60:02}", f"10:{n // 60:02}:{n % 60:02}"),
                     (2, "s", "11:00:00", "11:00:00")]
        for n in range(120)
    }  # fmt: skip
    crowded = Pipeline(make_timetable(rows, stops=STOPS))
    changes(crowded)
    trips = [trip for trip, *_ in shown(crowded, "n1")]
    assert trips == sorted(rows)[:100]


def test_a_delayed_trip_enters_the_window_by_its_prediction(pipeline: Pipeline) -> None:
    """Scheduled long ago, but still to come."""
    now = posix("11:30:00")
    changes(pipeline, now)
    assert shown(pipeline, "n1") == []
    pipeline.poll(0, message(late("t1", 2 * 3600)), now)
    changes(pipeline, now)
    assert shown(pipeline, "n1") == [("t1", "predicted", posix("12:00:00"))]


def test_an_endpoint_that_is_withdrawn_leaves_the_schedule(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60)), NOW)
    pipeline.poll(1, message(late("t2", 60)), NOW)
    changes(pipeline)
    pipeline.withdraw(0)
    changes(pipeline)
    assert shown(pipeline, "n1") == [
        ("t1", "scheduled", None),
        ("t2", "predicted", posix("10:11:00")),
    ]


def test_rule_6_a_single_update_that_is_too_old_is_withdrawn(pipeline: Pipeline) -> None:
    old, new = late("t1", 60), late("t2", 60)
    old.timestamp, new.timestamp = int(NOW) - 1000, int(NOW)
    pipeline.poll(0, message(old, new), NOW)
    pipeline.withdraw_older(0, NOW - 700)
    changes(pipeline)
    assert [status for _, status, _ in shown(pipeline, "n1")] == ["scheduled", "predicted"]
    assert pipeline.quality.counts["trip_update_expired"] == 1


def test_rule_6_what_is_too_old_of_one_endpoint_may_be_new_enough_of_another(
    pipeline: Pipeline,
) -> None:
    for endpoint, trip in enumerate(("t1", "t2")):
        update = late(trip, 60)
        update.timestamp = int(NOW) - 1000
        pipeline.poll(endpoint, message(update), NOW)
    pipeline.withdraw_older(0, NOW - 1200)
    pipeline.withdraw_older(1, NOW - 690)
    changes(pipeline)
    assert [status for _, status, _ in shown(pipeline, "n1")] == ["predicted", "scheduled"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newer_of_two_updates_wins_in_any_order(
    pipeline: Pipeline, order: Iterable[int]
) -> None:
    updates = [late("t1", 60), late("t1", 120)]
    updates[0].timestamp, updates[1].timestamp = int(NOW), int(NOW) - 10
    for endpoint in order:
        pipeline.poll(endpoint, message(updates[endpoint]), NOW)
    changes(pipeline)
    assert shown(pipeline, "n1")[0] == ("t1", "predicted", posix("10:01:00"))
    assert pipeline.quality.counts["trip_update_repeated"] == 1


@given(st.randoms(use_true_random=False))
def test_the_order_of_entities_does_not_matter(rng: random.Random) -> None:
    updates = [late("t1", 60), late("t1", 90), late("t2", -30), late("other", 0)]
    ordered, shuffled = Pipeline(table()), Pipeline(table())
    ordered.poll(0, message(*updates), NOW)
    rng.shuffle(updates)
    shuffled.poll(0, message(*updates), NOW)
    changes(ordered)
    changes(shuffled)
    assert ordered.boards.boards == shuffled.boards.boards


def test_rule_5_a_header_that_goes_back_is_ignored_until_it_would_be_stale(
    pipeline: Pipeline,
) -> None:
    pipeline.poll(0, message(late("t1", 60), timestamp=int(NOW)), NOW)
    older = message(late("t1", 120), timestamp=int(NOW) - 30)
    with pytest.raises(DecodeError) as refused:
        pipeline.poll(0, older, NOW + 89)
    assert refused.value.kind == "header_back"
    pipeline.poll(0, older, NOW + 90)
    changes(pipeline)
    assert shown(pipeline, "n1")[0] == ("t1", "predicted", posix("10:02:00"))


def test_rule_4_a_header_from_the_future_is_refused(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60), timestamp=int(NOW) + 300), NOW)
    with pytest.raises(DecodeError) as refused:
        pipeline.poll(0, message(late("t1", 120), timestamp=int(NOW) + 302), NOW + 1)
    assert refused.value.kind == "header_ahead"


def test_garbage_leaves_what_was_known(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60)), NOW)
    changes(pipeline)
    with pytest.raises(DecodeError):
        pipeline.poll(0, b"<html>", NOW)
    assert changes(pipeline) == {}
    assert shown(pipeline, "n1")[0] == ("t1", "predicted", posix("10:01:00"))


def test_an_assigned_platform_moves_the_call_in_one_go(pipeline: Pipeline) -> None:
    changes(pipeline)
    moved = {"stop_sequence": 1, "departure": 0, "stop_time_properties": {"assigned_stop_id": "n2"}}
    pipeline.poll(0, message(trip_update("t1", moved)), NOW)
    assert changes(pipeline).keys() == {"north", "n1", "n2", "s"}
    assert [trip for trip, *_ in shown(pipeline, "n1")] == ["t2"]
    assert [trip for trip, *_ in shown(pipeline, "n2")] == ["t1"]


def test_replaced_routes_show_only_what_realtime_tells() -> None:
    """Else each NYC train would stand there twice: as scheduled, and under its realtime id."""
    subway = Pipeline(table(), replaced_routes=["r"])
    told = trip_update("064350_A..N", {"stop_id": "n1", "departure": "10:01:00"}, route_id="r")
    subway.poll(0, message(told), NOW)
    changes(subway)
    assert shown(subway, "n1") == [("064350_A..N", "predicted", posix("10:01:00"))]


def test_a_new_schedule_is_read_with_what_was_heard_before(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60), late("t3", 60)), NOW)
    changes(pipeline)
    later = make_timetable(
        {"t3": [(1, "n1", "10:05:00", "10:05:00"), (2, "new", "10:20:00", "10:20:00")]},
        stops=STOPS[:3],
    )
    assert pipeline.switch(later, NOW) == ["s"]
    changes(pipeline)
    assert shown(pipeline, "n1") == [("t3", "predicted", posix("10:06:00"))]
    assert pipeline.boards.boards.keys() == {"north", "n1", "n2", "new"}


def test_a_new_owner_tells_changes_against_what_stands(pipeline: Pipeline) -> None:
    pipeline.poll(0, message(late("t1", 60)), NOW)
    changes(pipeline)
    successor = Pipeline(table())
    successor.adopt(pipeline.boards.boards)
    successor.poll(0, message(late("t1", 60)), NOW)
    assert changes(successor) == {}


def test_rule_28_a_trip_that_has_arrived_where_it_ends_is_over(pipeline: Pipeline) -> None:
    """Whatever the schedule says of its calls before; a stop passed early stays until its time."""
    arrived = trip_update("t1", {"stop_sequence": 2, "arrival": "09:56:00"})
    pipeline.poll(0, message(arrived), NOW)
    changes(pipeline)
    assert shown(pipeline, "n1")[0] == ("t1", "scheduled", None)
    over = posix("09:56:01")
    assert "n1" in changes(pipeline, over)
    assert shown(pipeline, "n1")[0] == ("t1", "departed", None)
    assert "n1" not in changes(pipeline, over + 60)
    gone = posix("10:02:01")
    assert "n1" in changes(pipeline, gone)
    assert [trip for trip, *_ in shown(pipeline, "n1")] == ["t2"]


def test_a_call_that_departed_and_moves_does_not_stay_at_its_old_platform() -> None:
    """Else it would stand on two platforms' boards, departed on one and coming on the other."""
    platforms = [stop("p1", "north"), stop("p2", "north"), stop("north", location_type=1)]
    rows: dict[str, list[Row]] = {
        "t": [(1, "a", "10:00:00", "10:00:00"), (2, "p1", "10:10:00", "10:10:00"),
              (3, "z", "10:30:00", "10:30:00")],
    }  # fmt: skip
    moving = Pipeline(make_timetable(rows, stops=platforms))
    now = posix("10:10:30")
    moving.poll(0, message(trip_update("t", {"stop_sequence": 2, "departure": 0})), now)
    changes(moving, now)
    assert shown(moving, "p1") == [("t", "departed", posix("10:10:00"))]
    told = {"stop_sequence": 2, "departure": 120,
            "stop_time_properties": {"assigned_stop_id": "p2"}}  # fmt: skip
    moving.poll(0, message(trip_update("t", told)), now + 10)
    changes(moving, now + 10)
    assert shown(moving, "p1") == []
    assert shown(moving, "p2") == [("t", "predicted", posix("10:12:00"))]
    assert shown(moving, "north") == [("t", "predicted", posix("10:12:00"))]


def test_trips_that_begin_while_only_realtime_counts_are_hidden_to_their_end() -> None:
    """So the MTA means its replacement period: by when a trip begins, not by when it calls."""
    rows: dict[str, list[Row]] = {
        "begun": [(1, "a", "10:00:00", "10:00:00"), (2, "b", "10:50:00", "10:50:00")],
        "later": [(1, "a", "10:40:00", "10:40:00"), (2, "b", "11:00:00", "11:00:00")],
    }
    made = Pipeline(make_timetable(rows))
    made.boards.replace({"r": (0, posix("10:30:00"))})
    changes(made)
    assert [trip for trip, *_ in shown(made, "b")] == ["later"]
    made.boards.replace({"r": (0, posix("10:45:00"))})
    assert changes(made).keys() == {"a", "b"}
    assert shown(made, "b") == []
    made.boards.replace({})
    changes(made)
    assert [trip for trip, *_ in shown(made, "a")] == ["begun", "later"]
