"""stop_times as Postgres's binary COPY has them: fixed-width records that numpy reads in place.

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


def decoded(data: bytes | bytearray) -> NDArray[np.void]:
    """The records of a binary COPY, in place, sorted by trip and stop_sequence."""
    rows = (len(data) - len(HEADER) - len(TRAILER)) // RECORD.itemsize
    records = np.frombuffer(data, RECORD, count=rows, offset=len(HEADER))
    # They come as they were written, but Postgres promises no order without a costly ORDER BY.
    order = np.lexsort((records["stop_sequence"], records["trip"]))
    return records if np.array_equal(order, np.arange(rows)) else records[order]
