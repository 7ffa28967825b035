"""Quiet updates: what stands may differ from the truth, within its bound, and never for longer."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feeds.realtime.pipeline import Pipeline
from feeds.realtime.quiet import EXACT, SHARE, TICK, hold
from schemas import merge_patch
from schemas.arrivals import Arrival
from tests.timetables import Row, make_timetable, message, posix, stop, trip_update

STOPS = [stop("north", location_type=1), stop("n1", "north")]
TRIPS: dict[str, list[Row]] = {
    "t": [(1, "n1", "10:00:00", "10:00:00"), (2, "m", "10:10:00", "10:11:00"),
          (3, "s", "10:20:00", "10:20:00")],
}  # fmt: skip
NOW = posix("09:30:00")
LIMIT = 30


def pipeline(quiet: float = LIMIT) -> Pipeline:
    return Pipeline(make_timetable(TRIPS, stops=STOPS), quiet=quiet)


def polled(pipeline: Pipeline, now: int, delay: int, **stop_time: Any) -> set[str]:
    """Everything is late by `delay`; the stops that published."""
    update = trip_update("t", {"stop_sequence": 1, "departure": delay, **stop_time})
    pipeline.poll(0, message(update), now)
    return published(pipeline, now)


def published(pipeline: Pipeline, now: int) -> set[str]:
    changes = pipeline.changes(pipeline.pending(now), now)
    for change in changes:
        assert change.before is None or change.patch
    return {change.stop_id for change in changes}


def arrivals(pipeline: Pipeline, stop_id: str) -> dict[str, Arrival]:
    return pipeline.boards.boards[stop_id]["arrivals"]


def departure(pipeline: Pipeline, stop_id: str) -> tuple[int | None, int | None]:
    [told] = arrivals(pipeline, stop_id).values()
    return told.get("departure"), told.get("delay")


def test_the_first_value_is_exact() -> None:
    quiet = pipeline()
    assert published(quiet, NOW) == {"north", "n1", "m", "s"}
    assert polled(quiet, NOW, 1) == {"north", "n1", "m", "s"}
    assert departure(quiet, "n1") == (posix("10:00:01"), 1)


def test_a_small_change_waits_and_a_big_one_does_not() -> None:
    quiet = pipeline()
    polled(quiet, NOW, 0)
    assert polled(quiet, NOW, LIMIT) == set()
    assert departure(quiet, "n1") == (posix("10:00:00"), 0)
    assert polled(quiet, NOW, LIMIT + 1) == {"north", "n1", "m", "s"}
    assert departure(quiet, "n1") == (posix("10:00:31"), 31)


def test_small_changes_do_not_add_up() -> None:
    quiet = pipeline()
    polled(quiet, NOW, 0)
    assert polled(quiet, NOW + 1, 20) == set()
    assert polled(quiet, NOW + 2, 40) == {"north", "n1", "m", "s"}


def test_what_stands_is_told_as_soon_as_it_is_wrong_by_a_twentieth_without_a_poll() -> None:
    quiet = pipeline()
    polled(quiet, NOW, 0)
    polled(quiet, NOW, 20)
    looked_again = posix("10:00:00") - 20 * SHARE - TICK + 1
    assert published(quiet, looked_again - 1) == set()
    assert published(quiet, looked_again) == {"north", "n1"}
    assert departure(quiet, "n1") == (posix("10:00:20"), 20)
    assert departure(quiet, "m") == (posix("10:11:00"), 0)


def test_within_two_minutes_it_is_exact() -> None:
    quiet = pipeline()
    polled(quiet, NOW, 0)
    polled(quiet, NOW, 1)
    exact = posix("10:00:00") - EXACT - 1
    assert published(quiet, exact - 1) == set()
    assert published(quiet, exact) == {"north", "n1"}
    assert polled(quiet, exact + 1, 2) == {"north", "n1"}


def test_another_change_of_the_call_brings_the_exact_prediction_along() -> None:
    quiet = pipeline()
    polled(quiet, NOW, 0)
    unsure = {"departure": {"delay": 5, "uncertainty": 60}}
    assert polled(quiet, NOW, 5, **unsure) == {"north", "n1"}
    assert departure(quiet, "n1") == (posix("10:00:05"), 5)
    assert departure(quiet, "m") == (posix("10:11:00"), 0)


def test_a_prediction_that_is_gone_is_gone_at_once() -> None:
    quiet = pipeline()
    polled(quiet, NOW, 5)
    quiet.poll(0, message(), NOW)
    published(quiet, NOW)
    assert departure(quiet, "n1") == (None, None)


def test_what_a_store_has_is_held_too() -> None:
    """A restarted ingester goes on as the one before would have."""
    quiet, restarted = pipeline(), pipeline()
    polled(quiet, NOW, 0)
    restarted.adopt(quiet.boards.boards)
    assert polled(restarted, NOW, 10) == set()


delays = st.integers(-90, 90)
steps = st.lists(st.tuples(st.integers(1, 300), delays), min_size=1, max_size=12)


@given(steps)
def test_no_board_is_ever_wrong_by_more_than_its_bound(polls: list[tuple[int, int]]) -> None:
    quiet, exact = pipeline(), pipeline(quiet=0)
    now = NOW + 900
    for wait, delay in polls:
        for each in (quiet, exact):
            polled(each, now, delay)
        for _ in range(wait):
            check(quiet, exact, now)
            now += TICK
            published(quiet, now)
            published(exact, now)


def check(quiet: Pipeline, exact: Pipeline, now: int) -> None:
    """Every call, also as late as just before the next look."""
    for stop_id, board in exact.boards.boards.items():
        shown = arrivals(quiet, stop_id)
        assert shown.keys() == board["arrivals"].keys()
        for key, true in board["arrivals"].items():
            told = shown[key]
            assert without_prediction(told) == without_prediction(true)
            for event in ("arrival", "departure"):
                assert (event in told) == (event in true)
                if event in true:
                    in_bound(told[event], true[event], now)
                    in_bound(told[event], true[event], now + TICK * 0.999)
            if "delay" in told and "departure" in told and "scheduled_departure" in told:
                assert told["delay"] == told["departure"] - told["scheduled_departure"]
    station, platform = arrivals(quiet, "north"), arrivals(quiet, "n1")
    assert station == {key: {**told, "stop_id": "n1"} for key, told in platform.items()}


def in_bound(shown: int, true: int, now: float) -> None:
    left = min(shown, true) - now
    bound = min(LIMIT, left / SHARE) if left > EXACT else 0
    assert abs(shown - true) <= bound


def without_prediction(told: Arrival) -> dict[str, Any]:
    return {k: v for k, v in told.items() if k not in {"arrival", "departure", "delay"}}


@given(delays, delays, st.integers(0, 3600))
def test_off_is_identity(first: int, second: int, left: int) -> None:
    moment = NOW + left
    stood: Arrival = {"status": "predicted", "departure": moment + first, "delay": first}
    told: Arrival = {"status": "predicted", "departure": moment + second, "delay": second}
    shown, again = hold(told, stood, NOW, 0)
    assert shown == told
    assert again is None


@given(steps)
def test_patches_of_quiet_boards_compose(polls: list[tuple[int, int]]) -> None:
    quiet = pipeline()
    held: dict[str, Any] = {}
    now = NOW + 900
    for wait, delay in polls:
        quiet.poll(0, message(trip_update("t", {"stop_sequence": 1, "departure": delay})), now)
        for change in quiet.changes(quiet.pending(now), now):
            before = held.get(change.stop_id)
            held[change.stop_id] = (
                merge_patch.apply(before, change.patch) if before else change.after
            )
        assert held == quiet.boards.boards
        now += wait
