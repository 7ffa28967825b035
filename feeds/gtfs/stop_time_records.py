"""stop_times as Postgres's binary COPY has them: fixed-width records that numpy reads.

The format (PostgreSQL manual, COPY, "Binary Format"): a header, per row the number of fields and
per field its size and value, big-endian, and a trailer. Since every field is a NOT NULL integer,
every row has the same 62 bytes.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

FIELDS = {
    "trip": 4,
    "stop_sequence": 4,
    "stop": 4,
    "arrival": 4,
    "departure": 4,
    "headsign": 4,
    "pickup_type": 2,
    "drop_off_type": 2,
}
"""The columns of the table stop_times and their bytes."""

RECORD = np.dtype(
    [("fields", ">i2")]
    + [
        column
        for name, size in FIELDS.items()
        for column in ((f"{name} size", ">i4"), (name, f">i{size}"))
    ]
)
Columns = dict[str, NDArray[np.signedinteger]]
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
CHUNK_ROWS = 16_384  # 1 MB: few messages, and a progress bar that moves


def encoded(columns: Mapping[str, NDArray[np.int32]]) -> Iterator[tuple[bytes, int]]:
    """The pieces of a binary COPY, each with the number of rows it holds."""
    yield HEADER, 0
    rows = len(columns["trip"])
    for first in range(0, rows, CHUNK_ROWS):
        records = np.empty(min(CHUNK_ROWS, rows - first), RECORD)
        records["fields"] = len(FIELDS)
        for name, size in FIELDS.items():
            records[f"{name} size"] = size
            records[name] = columns[name][first : first + CHUNK_ROWS]
        yield records.tobytes(), len(records)
    yield TRAILER, 0


class Decoder:
    """Reads a binary COPY piece by piece, cut anywhere, so that it never is in memory whole."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._pieces: list[Columns] = []

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        self._waiting += data
        if len(self._waiting) >= CHUNK_ROWS * RECORD.itemsize:
            self._read()

    def _read(self) -> None:
        """Make columns of all that has come whole; what is left in the end is the trailer."""
        if not self._pieces:
            del self._waiting[: len(HEADER)]
        rows = len(self._waiting) // RECORD.itemsize
        records = np.frombuffer(bytes(self._waiting), RECORD, count=rows)
        self._pieces.append({name: records[name].astype(f"i{FIELDS[name]}") for name in FIELDS})
        del self._waiting[: rows * RECORD.itemsize]

    def columns(self) -> Columns:
        """Of all rows, sorted by trip and stop_sequence; asked for once."""
        self._read()
        columns = {
            name: np.concatenate([piece.pop(name) for piece in self._pieces]) for name in FIELDS
        }
        # They come as they were written, but Postgres promises no order without a costly ORDER BY.
        trip, sequence = columns["trip"], columns["stop_sequence"]
        same = trip[1:] == trip[:-1]
        if np.all((trip[1:] > trip[:-1]) | (same & (sequence[1:] > sequence[:-1]))):
            return columns
        order = np.lexsort((sequence, trip))
        return {name: column[order] for name, column in columns.items()}
