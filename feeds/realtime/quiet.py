"""Quiet updates: a prediction moves on a board only when it matters to somebody who waits there.

A call that is far off is predicted anew with every poll, some seconds to and fro. What stands on
the board stays until it is wrong by more than `limit` seconds or a twentieth of the time left; in
the last two minutes it is exact. Only a prediction waits: with any other change of the call the
truth is told.
"""

from typing import Any

from feeds.realtime.sighting import with_vehicle
from schemas.arrivals import Arrival

EXACT = 120  # seconds before a call from which on its prediction is exact
SHARE = 20  # one part in so many of the time left may be wrong
TICK = 1  # seconds that the clock may go on before anybody looks again

_TIMES = ("arrival", "departure")
_PREDICTED = (*_TIMES, "delay")
_NEVER = 2**63


def hold(told: Arrival, stood: Arrival, now: int, limit: float) -> tuple[Arrival, int | None]:
    """What stands, if it may stay, and when to look again; else what is to be told.

    Times are POSIX seconds, `limit` is in seconds (0 holds nothing).
    """
    if stood is told:
        return told, None
    due = _due(told, stood, limit)
    if now < due and {**with_vehicle(told, stood), **_predicted(stood)} == stood:
        return stood, due if due < _NEVER else None
    return told, None


def _due(told: Arrival, stood: Arrival, limit: float) -> int:
    """The last moment at which the error is within its bound, and will be until the next look."""
    due = _NEVER
    for event in _TIMES:
        true, shown = told.get(event), stood.get(event)
        if isinstance(true, int) and isinstance(shown, int):
            error = abs(shown - true)
            if error > limit:
                return 0
            if error:
                left = max(error * SHARE, EXACT + 1)
                due = min(due, min(shown, true) - left - TICK + 1)
        elif true != shown:
            return 0
    return due


def _predicted(arrival: Arrival) -> dict[str, Any]:
    return {member: value for member, value in arrival.items() if member in _PREDICTED}
