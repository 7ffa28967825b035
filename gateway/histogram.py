"""Durations by how long they were: one addition for as many as took alike."""

from bisect import bisect_left
from itertools import accumulate

# Microseconds: from what one turn of the loop takes to what a rider notices and a reconnect takes.
BOUNDS = (
    *(1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000),
    *(250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000),
)


class Histogram:
    """Counts by upper bound, the last one without; integers, since it stands on the hot path."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0

    def observe(self, micros: int, times: int = 1) -> None:
        """So many durations of so many microseconds; a clock that is behind tells negative ones: 0."""
        micros = max(0, micros)
        self.counts[bisect_left(BOUNDS, micros)] += times
        self.total += micros * times

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: how many took at most so many seconds."""
        bounds = [str(bound / 1e6) for bound in BOUNDS]
        return list(zip([*bounds, "+Inf"], accumulate(self.counts), strict=True))

    @property
    def seconds(self) -> float:
        """Of all together."""
        return self.total / 1e6
