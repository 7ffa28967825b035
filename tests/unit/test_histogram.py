"""Durations by how long they were."""

from gateway.histogram import BOUNDS, Histogram


def test_a_duration_counts_below_each_bound_that_it_does_not_exceed() -> None:
    histogram = Histogram()
    histogram.observe(1_000)
    histogram.observe(1_001, times=40)
    counts = dict(histogram.buckets())
    assert (counts["0.001"], counts["0.0025"], counts["+Inf"]) == (1, 41, 41)
    assert histogram.seconds == (1_000 + 40 * 1_001) / 1e6


def test_what_is_longer_than_all_bounds_is_counted_too() -> None:
    histogram = Histogram()
    histogram.observe(BOUNDS[-1] + 1)
    *bounded, (_, all_of_them) = histogram.buckets()
    assert {count for _, count in bounded} == {0}
    assert all_of_them == 1


def test_a_clock_that_is_behind_tells_of_no_time_at_all() -> None:
    histogram = Histogram()
    histogram.observe(-5_000_000)
    assert histogram.buckets()[0] == ("0.001", 1)
    assert histogram.seconds == 0
