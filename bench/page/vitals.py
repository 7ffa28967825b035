"""Figures of a page as web.dev and Lighthouse define them, out of what the browser observed."""

from collections.abc import Iterable

LONG = 50.0  # milliseconds: what a task takes beyond that blocks

Moments = Iterable[tuple[float, float]]
"""When, in milliseconds, and how much."""


def layout_shift(shifts: Moments) -> float:
    """Cumulative Layout Shift: of the bursts of shifts, the worst one's sum.

    A burst is five seconds long at most, and has no pause of a second (web.dev/articles/cls).
    """
    worst = burst = 0.0
    began = last = float("-inf")
    for moment, shift in sorted(shifts):
        if moment - last >= 1000 or moment - began >= 5000:
            began, burst = moment, 0.0
        last = moment
        burst += shift
        worst = max(worst, burst)
    return worst


def blocked(tasks: Moments, since: float) -> float:
    """Total Blocking Time in milliseconds, of the tasks that end after `since`, the first paint."""
    return sum(duration - LONG for began, duration in tasks if began + duration > since)
