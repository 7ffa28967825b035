"""Boards beside those of the reference: the same arrivals, or which ones are not."""

from collections.abc import Mapping
from typing import Any

from tests.reference.boards import MOST, moment_of

# What the reference does not tell.
BESIDE = {
    *("trip_short_name", "wheelchair_accessible", "bikes_allowed", "platform_code"),
    *("vehicle", "stops_away", "occupancy", "alerts"),
}
Arrivals = list[dict[str, Any]]


def agree(boards: Mapping[str, Any], expected: Mapping[str, Arrivals], when: object = "") -> int:
    """Every board, by stop_id; how many arrivals both tell alike."""
    count = 0
    for stop_id, board in boards.items():
        arrivals = shown(board)
        here, there = settled(arrivals), settled(expected[stop_id])
        more, less = only(here, there), only(there, here)
        assert not more, f"{when} {stop_id} shows {more}, expected {less}"
        assert not less, f"{when} {stop_id} does not show {less}"
        assert len(arrivals) == len(expected[stop_id]), f"{when} {stop_id}"
        count += len(here)
    return count


def settled(arrivals: Arrivals) -> Arrivals:
    """Without the last moment of a full board: which of several calls then stand is open."""
    if len(arrivals) < MOST:
        return arrivals
    last = max(map(moment_of, arrivals))
    return [arrival for arrival in arrivals if moment_of(arrival) < last]


def shown(board: Any) -> Arrivals:
    """A board's arrivals with what the reference tells too."""
    return [
        {name: value for name, value in arrival.items() if name not in BESIDE}
        for arrival in board["arrivals"].values()
    ]


def only(here: Arrivals, there: Arrivals) -> Arrivals:
    """The arrivals of `here` that are not, or not as often, in `there`."""
    left, found = list(there), []
    for arrival in here:
        if arrival in left:
            left.remove(arrival)
        else:
            found.append(arrival)
    return found
