"""Boards that a Follower keeps, on this terminal."""

import asyncio
from itertools import chain

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gateway.watch.ansi import DIM, GREEN, YELLOW, fit, paint
from gateway.watch.drawing import LEAST_HEIGHT, LEAST_WIDTH, Size, absent, draw
from gateway.watch.follower import CONNECTED, Follower

_TICK = 1.0  # seconds: countdowns move
# Of a script's output: lines of a board, which are all.
_ALL = 10_000


async def show(follower: Follower, console: Console) -> None:
    """Until cancelled, the whole screen."""
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while True:
            width, height = console.size
            live.update(_text(_screen(follower, width, height)), refresh=True)
            follower.changed.clear()
            try:
                async with asyncio.timeout(_TICK):
                    await follower.changed.wait()
            except TimeoutError:
                pass  # time has passed: that is new, too


def print_once(follower: Follower, console: Console) -> None:
    """All boards as they stand."""
    for stop_id in follower.stop_ids:
        lines = _board(follower, stop_id, Size(max(console.width, LEAST_WIDTH), _ALL))
        console.print(_text(lines), soft_wrap=True)


def _screen(follower: Follower, width: int, height: int) -> list[str]:
    stops = follower.stop_ids
    share = max(LEAST_HEIGHT, (height - 1) // len(stops))
    size = Size(max(width, LEAST_WIDTH), share - (len(stops) > 1))
    boards = (_board(follower, stop_id, size) for stop_id in stops)
    parts = [[*lines, ""] if len(stops) > 1 else lines for lines in boards]
    colour = GREEN if follower.state == CONNECTED else YELLOW
    footer = paint(fit(f"{follower.state} · Ctrl-C ends", size.width), colour)
    return [*list(chain.from_iterable(parts))[: height - 1], footer]


def _board(follower: Follower, stop_id: str, size: Size) -> list[str]:
    if board := follower.boards.get(stop_id):
        return draw(board, follower.feed(stop_id), size)
    if stop_id in follower.gone:
        return absent(stop_id, size.width)
    return [paint(fit(f"{stop_id} …", size.width), DIM)]


def _text(lines: list[str]) -> Text:
    """Rich leaves out what this terminal, or a file, cannot show."""
    text = Text.from_ansi("\n".join(lines), no_wrap=True, overflow="crop")
    text.end = "\n"
    return text
