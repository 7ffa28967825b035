"""Times between timepoints: docs/decisions/0003."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


def distances(trips: Ints, shape_dist_traveled: Floats) -> Floats:
    """How far along its trip each row lies, in a unit that means something only within the trip.

    It is shape_dist_traveled for the trips where all rows have it (NaN: they have not) and it never
    decreases, else the position. Rows are sorted by trip, then stop_sequence.
    """
    begins = np.flatnonzero(np.diff(trips, prepend=trips[:1] - 1))
    first_of_trip = np.repeat(begins, np.diff(np.append(begins, len(trips))))
    steps = np.diff(shape_dist_traveled, prepend=0)
    steps[begins] = np.where(np.isnan(shape_dist_traveled[begins]), -1, 0)
    usable = np.minimum.reduceat(np.nan_to_num(steps, nan=-1), begins) >= 0
    by_shape = np.repeat(usable, np.diff(np.append(begins, len(trips))))
    return np.where(by_shape, shape_dist_traveled, np.arange(len(trips)) - first_of_trip)


def interpolated(
    arrivals: Ints, departures: Ints, known: NDArray[np.bool_], distance: Floats
) -> tuple[Ints, Ints]:
    """Arrivals and departures with the gaps filled.

    The rows that are not `known` lie on the straight line from the departure of the timepoint
    before to the arrival of the one after, in whole seconds rounded down; arrival and departure are
    equal there. The first and the last row of every trip must be known.
    """
    rows = np.flatnonzero(~known)
    timepoints = np.flatnonzero(known)
    after = np.searchsorted(timepoints, rows)
    before, after = timepoints[after - 1], timepoints[after]
    span = distance[after] - distance[before]
    # No way between two timepoints (all at one place): the rows in between share it evenly.
    share = np.where(
        span > 0,
        (distance[rows] - distance[before]) / np.where(span > 0, span, 1),
        (rows - before) / (after - before),
    )
    gap = arrivals[after] - departures[before]
    times = departures[before] + np.floor(share * gap).astype(np.int32)
    filled = arrivals.copy(), departures.copy()
    for column in filled:
        column[rows] = times
    return filled
