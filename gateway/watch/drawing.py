"""A board as lines of a terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.watch.ansi import (
    BOLD,
    DIM,
    GREEN,
    RED,
    STRUCK,
    YELLOW,
    badge,
    cells,
    clean,
    fit,
    paint,
)
from gateway.watch.departure import Departure, departures
from schemas.arrivals import Board

# Narrower than this a board has no room for platforms, delays and ages, or for vehicles; wider, the
# eye would lose its line on the way.
_ROOMY, _SPACIOUS, _BROAD = 60, 72, 88
LEAST_WIDTH, MOST_WIDTH = 30, 300
LEAST_HEIGHT, MOST_HEIGHT = 6, 200
_LINE, _PLATFORM, _TIME, _DELAY, _VEHICLE, _WAIT = 7, 4, 5, 8, 8, 8  # cells of the columns
_RIGHT = {4, 5, 6}  # columns whose text stands at the right
_VERY_LATE = 5  # minutes
_ALERTS = 3
_STATUS = {"live": GREEN, "stale": YELLOW, "down": RED}


class Size(NamedTuple):
    """Of a terminal, or of a part of it, in cells."""

    width: int
    height: int


class FeedTold(NamedTuple):
    """What is known of a board's feed: `timestamp` is its data's time, `now` the board clock."""

    status: str
    timestamp: int
    now: float


def draw(board: Board, feed: FeedTold, size: Size) -> list[str]:
    """At most `size.height` lines of at most `size.width` cells."""
    zone = _zone(board["stop"].get("timezone", ""))
    width = min(size.width, _BROAD)
    head = [_title(board, feed, width, zone), *_alerts(board, size.width)]
    head.append(paint(_heading(width), DIM))
    rows = max(1, size.height - len(head))
    shown = [_row(call, width) for call in islice(departures(board, feed.now, zone), rows)]
    return [*head, *(shown or [paint("Nothing leaves here in the next two hours.", DIM)])]


def absent(stop_id: str, width: int) -> list[str]:
    """In place of a board that is not there."""
    text = fit(f"{clean(stop_id)}: this stop has left the schedule, or never was in it.", width)
    return [paint(text, RED)]


def _zone(name: str) -> tzinfo:
    """A board names its zone always; this machine may not know it."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # no name, unknown, a folder
        return UTC


def _title(board: Board, feed: FeedTold, width: int, zone: tzinfo) -> str:
    clock = datetime.fromtimestamp(feed.now, zone).strftime("%H:%M")
    aged = feed.timestamp and width >= _ROOMY
    age = f", {_age(feed.now - feed.timestamp)} old" if aged else ""
    told = f"● {feed.status}{age}"
    name = clean(board["stop"].get("name", board["stop_id"]))
    room = max(1, width - cells(told) - len(clock) - 4)
    return f"{paint(fit(name, room), BOLD)}  {clock}  {paint(told, _STATUS.get(feed.status, DIM))}"


def _age(seconds: float) -> str:
    return f"{max(0, int(seconds))} s" if seconds < 120 else f"{int(seconds) // 60} min"  # noqa: PLR2004


def _alerts(board: Board, width: int) -> Iterator[str]:
    alerts = list(board["alerts"].values())
    for alert in alerts[:_ALERTS]:
        yield paint(fit(f"! {clean(_text(alert.get('header', {})))}", width), YELLOW)
    if len(alerts) > _ALERTS:
        yield paint(fit(f"! {len(alerts) - _ALERTS} more", width), YELLOW)


def _text(texts: dict[str, str]) -> str:
    """A terminal on the other side of curl says nothing of its languages."""
    return texts.get("") or texts.get("en") or next(iter(texts.values()), "")


def _widths(width: int) -> tuple[int, ...]:
    """Of the columns, in order; 0: left out."""
    platform, delay = (_PLATFORM, _DELAY) if width >= _ROOMY else (0, 0)
    vehicle = _VEHICLE if width >= _SPACIOUS else 0
    fixed = [column for column in (_LINE, platform, _TIME, delay, vehicle, _WAIT) if column]
    return _LINE, width - sum(fixed) - len(fixed), platform, _TIME, delay, vehicle, _WAIT


def _heading(width: int) -> str:
    return _joined("line", "to", "plat", "time", "delay", "vehicle", "in", width=width)


def _joined(*texts: str, width: int) -> str:
    fitted = (
        fit(text, column, right=place in _RIGHT)
        for place, (text, column) in enumerate(zip(texts, _widths(width), strict=True))
        if column
    )
    return " ".join(fitted)


def _row(call: Departure, width: int) -> str:
    line, to, platform, time, delay, vehicle, wait = _widths(width)
    soft = [DIM] if call.departed or call.off else []
    struck = [*soft, STRUCK] if call.off else soft
    pieces = [
        badge(fit(call.line, line), call.colour),
        _struck(call.to, to, struck),
        paint(fit(call.platform, platform), *soft) if platform else "",
        _struck(call.time, time, struck),
        paint(fit(call.delay, delay, right=True), _lateness(call)) if delay else "",
        fit(call.vehicle, vehicle, right=True) if vehicle else "",
        paint(
            fit(call.wait, wait, right=True), RED if call.off else DIM if call.departed else BOLD
        ),
    ]
    return " ".join(piece for piece in pieces if piece)


def _struck(text: str, width: int, codes: Sequence[str]) -> str:
    """The text only: a line through the empty rest of a column would be odd."""
    fitted = fit(text, width)
    words = fitted.rstrip()
    return paint(words, *codes) + fitted[len(words) :]


def _lateness(call: Departure) -> str:
    if call.late is None or call.departed:
        return DIM
    return GREEN if call.late <= 0 else RED if call.late >= _VERY_LATE else YELLOW
