import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feeds.gtfs.interpolation import distances, interpolated

NONE = float("nan")


def fill(
    times: list[int | None], along: list[float] | None = None, trips: list[int] | None = None
) -> list[int]:
    """Times where None is a gap; arrival and departure are the same at timepoints."""
    column = np.array([time or 0 for time in times], np.int32)
    known = np.array([time is not None for time in times])
    numbers = np.array(trips or [0] * len(times), np.int32)
    distance = distances(numbers, np.array(along or [NONE] * len(times)))
    arrivals, departures = interpolated(column, column, known, distance)
    assert arrivals.tolist() == departures.tolist()
    result: list[int] = arrivals.tolist()
    return result


def test_without_distances_the_stops_share_the_time_evenly() -> None:
    assert fill([0, None, None, 90]) == [0, 30, 60, 90]


def test_with_distances_the_time_goes_by_the_way() -> None:
    assert fill([0, None, None, 90], along=[0, 10, 20, 100]) == [0, 9, 18, 90]


def test_a_way_need_not_begin_at_zero() -> None:
    assert fill([0, None, 100], along=[50, 60, 150]) == [0, 10, 100]


def test_one_missing_distance_makes_the_trip_share_evenly() -> None:
    assert fill([0, None, None, 90], along=[0, 10, NONE, 100]) == [0, 30, 60, 90]
    assert fill([0, None, None, 90], along=[NONE, 10, 20, 100]) == [0, 30, 60, 90]


def test_distances_that_go_back_make_the_trip_share_evenly() -> None:
    assert fill([0, None, None, 90], along=[0, 20, 10, 100]) == [0, 30, 60, 90]


def test_each_trip_is_judged_by_its_own_distances() -> None:
    filled = fill(
        [0, None, 100, 1000, None, 1100],
        along=[0, 10, 100, 5, NONE, 9],
        trips=[0, 0, 0, 1, 1, 1],
    )
    assert filled == [0, 10, 100, 1000, 1050, 1100]


def test_timepoints_at_one_place_share_evenly() -> None:
    assert fill([0, None, 100], along=[7, 7, 7]) == [0, 50, 100]


def test_the_way_goes_from_the_departure_to_the_next_arrival() -> None:
    arrivals, departures = interpolated(
        np.array([0, 0, 100], np.int32),
        np.array([60, 0, 130], np.int32),
        np.array([True, False, True]),
        np.arange(3.0),
    )
    assert arrivals.tolist() == [0, 80, 100]
    assert departures.tolist() == [60, 80, 130]


@st.composite
def trip(draw: st.DrawFn) -> tuple[list[int | None], list[float]]:
    size = draw(st.integers(2, 12))
    seconds = draw(st.lists(st.integers(0, 99_999), min_size=size, max_size=size))
    times: list[int | None] = [*sorted(seconds)]
    for gap in draw(st.sets(st.integers(1, size - 1))):
        if gap < size - 1:
            times[gap] = None
    steps = draw(st.lists(st.floats(0, 1e6), min_size=size, max_size=size))
    return times, np.cumsum(steps).tolist()


@given(trip())
def test_filled_times_never_decrease_and_timepoints_stay(
    given_trip: tuple[list[int | None], list[float]],
) -> None:
    times, along = given_trip
    for filled in (fill(times), fill(times, along)):
        assert filled == sorted(filled)
        assert all(now == was for now, was in zip(filled, times, strict=True) if was is not None)
