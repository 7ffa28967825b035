"""All stop_times of a timetable, as columns: some 15 bytes each, and read without numpy's scalars.

A Python object per row would take some 200 bytes; a numpy scalar per field is slow to make. A
memoryview over a numpy array gives plain ints, one by one or as a list.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from feeds.timetable.entities import StopTime

COLUMNS = (
    "stop_sequence",
    "stop",
    "arrival",
    "departure",
    "headsign",
    "pickup_type",
    "drop_off_type",
)


class StopTimes:
    """Rows sorted by trip, then stop_sequence.

    `columns` are (at least) those of `COLUMNS`; `stop` and `headsign` are positions in `stop_ids`
    and `headsigns`, a headsign of -1 means none.
    """

    def __init__(
        self,
        columns: Mapping[str, NDArray[np.signedinteger]],
        stop_ids: Sequence[str],
        headsigns: Sequence[str],
    ) -> None:
        self.arrays = {name: _narrow(columns[name]) for name in COLUMNS}
        self._columns = [array.data for array in self.arrays.values()]
        self.stop_ids = stop_ids
        self._headsigns = (*headsigns, None)  # so that position -1 is None

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def row(self, row: int) -> StopTime:
        sequence, stop, arrival, departure, headsign, pickup, drop_off = (
            column[row] for column in self._columns
        )
        stop_id = self.stop_ids[stop]
        text = self._headsigns[headsign]
        return StopTime(sequence, stop_id, arrival, departure, text, pickup, drop_off)

    def stops(self, first: int, last: int) -> Iterator[str]:
        """The stop_ids of the rows from `first` up to and without `last`."""
        return map(self.stop_ids.__getitem__, self.arrays["stop"].data[first:last].tolist())

    def rows(self, first: int, last: int) -> tuple[StopTime, ...]:
        """The rows from `first` up to and without `last`."""
        sequence, stop, arrival, departure, headsign, pickup, drop_off = (
            column[first:last].tolist() for column in self._columns
        )
        stop_ids = map(self.stop_ids.__getitem__, stop)
        texts = map(self._headsigns.__getitem__, headsign)
        columns = (sequence, stop_ids, arrival, departure, texts, pickup, drop_off)
        return tuple(map(StopTime._make, zip(*columns, strict=True)))


def _narrow(column: NDArray[np.signedinteger]) -> NDArray[np.integer]:
    """In the fewest bytes that hold its numbers: few feeds have 65,536 stops, or a headsign."""
    least, most = column.min(initial=0), column.max(initial=0)
    dtype = np.promote_types(np.min_scalar_type(least), np.min_scalar_type(most))
    return column.astype(dtype, copy=False)
