"""The calls of each stop in the order of time: 8 bytes per stop_time."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


class StopIndex:
    """Rows of stop_times grouped by stop, ascending by time within each.

    `rows`, `stops` (positions in `stop_ids`) and `times` (seconds after noon minus 12 h) are
    arrays of equal length.
    """

    def __init__(
        self,
        rows: NDArray[np.int32],
        stops: NDArray[np.integer],
        times: NDArray[np.integer],
        stop_ids: Sequence[str],
    ) -> None:
        order = np.lexsort((rows, times, stops))
        self.arrays = {
            "row": rows[order].astype(np.int32),
            "time": times[order].astype(np.int32),
        }
        self._rows = self.arrays["row"].data
        self._times = self.arrays["time"].data
        present, firsts = np.unique(stops[order], return_index=True)
        bounds = [*firsts.tolist(), len(order)]
        self._bounds = {
            stop_ids[stop]: (bounds[i], bounds[i + 1]) for i, stop in enumerate(present.tolist())
        }

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def between(self, stop_id: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """`(row, time)` of the stop's calls with a time in [start, end), ascending."""
        first, last = self._bounds.get(stop_id, (0, 0))
        first = bisect_left(self._times, start, first, last)
        last = bisect_left(self._times, end, first, last)
        return zip(self._rows[first:last].tolist(), self._times[first:last].tolist(), strict=True)
