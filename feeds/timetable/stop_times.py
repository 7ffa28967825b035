"""All stop_times of a timetable, as columns: some ten bytes each, and read without numpy's scalars.

A Python object per row would take some 200 bytes; a numpy scalar per field is slow to make. A
memoryview over a numpy array gives plain ints, one by one or as a list.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import sub

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
        # How long it stays fits in a byte, when it arrives does not.
        stays = columns["departure"] - columns["arrival"]
        stored = {name: columns[name] for name in COLUMNS if name != "arrival"} | {"stay": stays}
        self.arrays = {name: _narrow(column) for name, column in stored.items()}
        self._columns = [array.data for array in self.arrays.values()]
        self.stop_ids = stop_ids
        self._headsigns = (*headsigns, None)  # so that position -1 is None

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values() if array.strides[0])

    def row(self, row: int) -> StopTime:
        sequence, stop, departure, headsign, pickup, drop_off, stay = (
            column[row] for column in self._columns
        )
        stop_id = self.stop_ids[stop]
        text = self._headsigns[headsign]
        return StopTime(sequence, stop_id, departure - stay, departure, text, pickup, drop_off)

    def stops(self, first: int, last: int) -> Iterator[str]:
        """The stop_ids of the rows from `first` up to and without `last`."""
        return map(self.stop_ids.__getitem__, self.arrays["stop"].data[first:last].tolist())

    def rows(self, first: int, last: int) -> tuple[StopTime, ...]:
        """The rows from `first` up to and without `last`."""
        sequence, stop, departure, headsign, pickup, drop_off, stay = (
            column[first:last].tolist() for column in self._columns
        )
        arrival = map(sub, departure, stay)
        stop_ids = map(self.stop_ids.__getitem__, stop)
        texts = map(self._headsigns.__getitem__, headsign)
        columns = (sequence, stop_ids, arrival, departure, texts, pickup, drop_off)
        return tuple(map(StopTime._make, zip(*columns, strict=True)))


def _narrow(column: NDArray[np.signedinteger]) -> NDArray[np.integer]:
    """In the fewest bytes that hold its numbers; all alike take none, as most feeds' types are."""
    if not len(column):
        return column
    least, most = column.min(), column.max()
    dtype = np.promote_types(np.min_scalar_type(least), np.min_scalar_type(most))
    narrow = column.astype(dtype, copy=False)
    return np.broadcast_to(narrow[:1].copy(), len(column)) if least == most else narrow
