"""Events out of a stream's bytes, however these are cut; and boards out of events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import frames
from schemas.event_reader import Event, EventReader, fold

BOARD: dict[str, Any] = {
    "stop_id": "f:a",
    "version": 1,
    "stop": {"name": "Élan \n"},
    "arrivals": {},
}
PATCH = {"stop_id": "f:a", "version": 2, "stop": {"name": None}, "arrivals": {"t": {"delay": 5}}}
STREAM = b"".join(
    [
        frames.retry(1500),
        b": a comment\n\n",
        frames.event("snapshot", BOARD),
        frames.with_id(2, frames.patch(PATCH)),
        frames.gone("f:b"),
        b"id: 7\n\n",
    ]
)
EVENTS = [
    Event("snapshot", BOARD, None),
    Event("patch", PATCH, "2"),
    Event("gone", {"stop_id": "f:b"}, None),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cuts: list[int]) -> None:
    ends = [*sorted(cuts), len(STREAM)]
    reader = EventReader()
    read = [
        event
        for begin, end in zip([0, *ends], ends, strict=False)
        for event in reader.feed(STREAM[begin:end])
    ]
    assert read == EVENTS
    assert (reader.last_id, reader.retry) == ("7", 1500)


def test_half_an_event_does_not_outlive_its_connection() -> None:
    reader = EventReader()
    assert list(reader.feed(STREAM + STREAM[:-20])) == [*EVENTS, *EVENTS[:2]]
    resumed = reader.resumed()
    assert (resumed.last_id, resumed.retry) == ("2", 1500)
    assert list(resumed.feed(STREAM)) == EVENTS


@pytest.mark.parametrize("block", [b"data: {\n\n", b"retry: soon\n\n", b"id: \xff\ndata: 1\n\n"])
def test_what_cannot_be_read_is_an_error(block: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of three libraries
        list(EventReader().feed(block))


def test_events_fold_into_boards_and_change_no_board_in_place() -> None:
    boards: dict[str, Any] = {"f:b": {"version": 1}}
    for event in EVENTS:
        fold(boards, event)
    assert boards == {
        "f:a": {"stop_id": "f:a", "version": 2, "stop": {}, "arrivals": {"t": {"delay": 5}}}
    }
    assert BOARD["stop"] == {"name": "Élan \n"}
