from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.gtfs.stop_time_records import (
    CHUNK_ROWS,
    FIELDS,
    HEADER,
    RECORD,
    TRAILER,
    Decoder,
    encoded,
)

ROW = st.tuples(
    st.integers(0, 50),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**31 - 1),
    st.integers(0, 3_599_999),
    st.integers(0, 3_599_999),
    st.integers(-1, 2**31 - 1),
    st.integers(0, 3),
    st.integers(0, 3),
)


def columns(
    rows: Sequence[tuple[int, ...]],
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    table = np.array(rows, np.int32).reshape(len(rows), len(FIELDS))
    return {name: table[:, place] for place, name in enumerate(FIELDS)}


def decoded(pieces: Iterable[bytes]) -> list[tuple[int, ...]]:
    decoder = Decoder()
    for piece in pieces:
        decoder.feed(piece)
    return list(zip(*(column.tolist() for column in decoder.columns().values()), strict=True))


@given(st.lists(ROW, unique_by=lambda row: row[:2], max_size=40))
def test_what_is_encoded_comes_back_in_the_order_of_trips(rows: Sequence[tuple[int, ...]]) -> None:
    assert decoded(piece for piece, _ in encoded(columns(rows))) == sorted(rows)


@pytest.mark.parametrize("size", [61, 62, 1000, 2**20])
def test_a_copy_may_be_cut_anywhere(size: int) -> None:
    rows = [(trip, 0, 0, 0, 0, -1, 0, 0) for trip in range(2 * CHUNK_ROWS + 1)]
    data = b"".join(piece for piece, _ in encoded(columns(rows)))
    assert decoded(data[at : at + size] for at in range(0, len(data), size)) == rows


def test_the_pieces_count_their_rows_and_stay_small() -> None:
    rows = [(trip, 0, 0, 0, 0, -1, 0, 0) for trip in range(40_000)]
    pieces = list(encoded(columns(rows)))
    assert sum(count for _, count in pieces) == 40_000
    assert max(len(data) for data, _ in pieces) < 2**20
    assert sum(len(data) for data, _ in pieces) == len(HEADER) + 40_000 * 62 + len(TRAILER)
    assert RECORD.itemsize == 62
