"""Boards drawn by the gateway: once for all watchers who would see the same."""

from collections.abc import Iterable
from functools import lru_cache

from gateway.watch.ansi import END_OF_LINE, END_OF_SCREEN, HOME
from gateway.watch.drawing import FeedTold, Size, absent, draw
from schemas.arrivals import Board
from schemas.event_reader import EventReader, fold


@lru_cache(maxsize=256)  # about 2 kB each
def picture(stop_id: str, frames: tuple[bytes, ...], feed: FeedTold, size: Size) -> bytes:
    """What redraws a terminal in place: a topic's board, by its snapshot and the patches since.

    One line is left for the cursor, so that nothing scrolls.
    """
    board = _board(stop_id, frames)
    room = Size(size.width, size.height - 1)
    return redraw(absent(stop_id, size.width) if board is None else draw(board, feed, room))


@lru_cache(maxsize=64)  # a busy one is some 100 kB as objects
def _board(stop_id: str, frames: tuple[bytes, ...]) -> Board | None:
    boards: dict[str, Board] = {}
    for event in EventReader().feed(b"".join(frames)):
        fold(boards, event)
    return boards.get(stop_id)


def redraw(lines: Iterable[str]) -> bytes:
    """Line over line, without clearing first: nothing flickers."""
    text = "".join(line + END_OF_LINE for line in lines)
    return f"{HOME}{text}{END_OF_SCREEN}".encode()
