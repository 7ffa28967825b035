"""Frequency trips on boards: exact runs are calls, others intervals until realtime makes calls."""

from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import TripUpdate

from feeds.realtime.pipeline import Pipeline
from feeds.realtime.window import enters, phase
from feeds.timetable.entities import Frequency
from schemas.arrivals import Arrival
from tests.timetables import DAY, make_timetable, message, posix, seconds, stop, trip_update

STOPS = [stop("hub", location_type=1), stop("b", "hub")]
LOOP = [
    (1, "a", "07:00:00", "07:00:00"),
    (2, "b", "07:09:00", "07:10:00"),
    (3, "c", "07:20:00", "07:20:00"),
]
NOW = posix("09:00:00")


def periods(*spans: tuple[str, str], exact: bool = False) -> dict[str, tuple[Frequency, ...]]:
    found = (Frequency(seconds(s), seconds(e), 600, exact=exact) for s, e in spans)
    return {"loop": tuple(found)}


def pipeline(*spans: tuple[str, str], exact: bool = False) -> Pipeline:
    frequencies = periods(*spans or [("07:00:00", "24:00:00")], exact=exact)
    return Pipeline(
        make_timetable({"loop": LOOP}, stops=STOPS, days=[DAY], frequencies=frequencies)
    )


def shown(made: Pipeline, stop_id: str, now: float = NOW) -> list[Arrival]:
    made.changes(made.pending(now), now)
    return list(made.boards.boards[stop_id]["arrivals"].values())


def run(start: str, *updates: dict[str, Any], **trip: Any) -> TripUpdate:
    named = {"start_time": start, "start_date": "20240514", "schedule_relationship": "UNSCHEDULED"}
    return trip_update("loop", *updates, **named | trip)


def test_rule_11_exact_runs_are_calls() -> None:
    arrivals = shown(pipeline(exact=True), "b")
    assert [a["scheduled_departure"] for a in arrivals][:2] == [
        posix("09:00:00"),
        posix("09:10:00"),
    ]
    assert arrivals[0]["start_time"] == "08:50:00"
    assert "headway" not in arrivals[0]


def test_an_exact_run_is_predicted_like_any_trip() -> None:
    made = pipeline(exact=True)
    told = run("08:50:00", {"stop_sequence": 2, "departure": 60}, schedule_relationship="SCHEDULED")
    made.poll(0, message(told), NOW)
    [first, *_] = shown(made, "b")
    assert (first["departure"], first["delay"]) == (posix("09:01:00"), 60)


def test_trips_without_exact_times_are_one_arrival_with_its_period() -> None:
    [arrival] = shown(pipeline(), "b")
    assert arrival == {
        "trip_id": "loop",
        "service_date": "20240514",
        "route_id": "f:r",
        "direction_id": 0,
        "headsign": "Stop c",
        "stop_sequence": 2,
        "status": "scheduled",
        "headway": 600,
        "start": posix("07:10:00"),
        "end": posix("24:10:00"),
    }


def test_a_station_has_its_platforms_intervals() -> None:
    made = pipeline()
    [platform] = shown(made, "b")
    [station] = shown(made, "hub")
    assert station == {**platform, "stop_id": "b"}


def test_where_it_begins_and_ends_is_told() -> None:
    made = pipeline()
    assert shown(made, "a")[0]["first"]
    assert shown(made, "c")[0]["last"]


def test_a_period_enters_with_the_window_and_leaves_on_time_without_a_poll() -> None:
    made = pipeline(("11:00:00", "11:30:00"))
    begins = enters(posix("11:10:00"), phase("hub"))
    assert shown(made, "b", begins - 1) == []
    assert len(shown(made, "b", begins)) == 1
    assert len(shown(made, "b", posix("11:40:00"))) == 1
    assert "b" in made.pending(posix("11:40:01"))
    made.changes(["b"], posix("11:40:01"))
    assert made.boards.boards["b"]["arrivals"] == {}


def test_two_periods_are_two_arrivals() -> None:
    made = pipeline(("07:00:00", "09:30:00"), ("09:30:00", "12:00:00"))
    arrivals = shown(made, "b")
    assert [a["start"] for a in arrivals] == [posix("07:10:00"), posix("09:40:00")]
    assert len(made.boards.boards["b"]["arrivals"]) == 2


def test_realtime_makes_calls_of_the_interval_and_leaves_it_when_they_are_gone() -> None:
    made = pipeline()
    [interval] = shown(made, "b")
    told = run("08:53:20", {"stop_sequence": 2, "departure": "09:03:00"})
    made.poll(0, message(told), NOW)
    [call] = shown(made, "b")
    assert (call["departure"], call["start_time"], call["status"]) == (
        posix("09:03:00"),
        "08:53:20",
        "predicted",
    )
    assert [a["headway"] for a in shown(made, "a")] == [600]
    made.poll(0, message(), NOW)
    assert shown(made, "b") == [interval]


def test_the_interval_is_back_when_the_last_call_has_departed() -> None:
    made = pipeline()
    made.poll(0, message(run("08:53:20", {"stop_sequence": 2, "departure": "09:03:00"})), NOW)
    shown(made, "b")
    after = posix("09:03:01")
    assert "b" in made.pending(after)
    made.changes(["b"], after)
    arrivals = made.boards.boards["b"]["arrivals"].values()
    assert sorted(a["status"] for a in arrivals) == ["departed", "scheduled"]


def test_rule_26_a_delay_of_a_run_without_exact_times_means_nothing() -> None:
    made = pipeline()
    told = run(
        "08:53:20",
        {"stop_sequence": 1, "departure": "08:54:00"},
        {"stop_sequence": 2, "departure": 60},
    )
    made.poll(0, message(told), NOW)
    assert [a.get("headway") for a in shown(made, "b")] == [600]
    assert made.quality.counts == {"delay_unscheduled": 1}


def test_two_runs_at_a_stop_have_keys_of_their_own() -> None:
    made = pipeline()
    runs = [
        run(start, {"stop_sequence": 2, "departure": "09:03:00"})
        for start in ("08:51:00", "08:52:00")
    ]
    made.poll(0, message(*runs), NOW)
    assert len(shown(made, "b")) == 2


def test_a_canceled_run_without_exact_times_has_no_time_to_stand_at() -> None:
    made = pipeline()
    made.poll(0, message(run("08:53:20", schedule_relationship="CANCELED")), NOW)
    assert [a["status"] for a in shown(made, "b")] == ["scheduled"]


@pytest.mark.parametrize("now", [NOW, NOW + 1])
def test_an_interval_that_stands_changes_nothing(now: float) -> None:
    made = pipeline()
    shown(made, "b")
    assert made.changes(made.boards.stop_ids, now) == []
