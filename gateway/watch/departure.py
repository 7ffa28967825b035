"""A call as a rider reads it: line, destination, platform, time, delay, and how long to wait."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import NamedTuple

from gateway.watch.ansi import clean
from schemas.arrivals import Arrival, Board, effective_time

_MINUTE, _HOUR = 60, 3600
_OFF = {"canceled", "skipped"}


class Departure(NamedTuple):
    """Words, without a terminal's colours; `late` in minutes, None: nobody said."""

    line: str
    colour: str
    to: str
    platform: str
    time: str
    delay: str
    late: int | None
    vehicle: str
    wait: str
    off: bool  # canceled or skipped
    departed: bool


def departures(board: Board, now: float, zone: tzinfo) -> Iterator[Departure]:
    """All of a board, in order."""
    for arrival in sorted(board["arrivals"].values(), key=_moment):
        yield _departure(board, arrival, now, zone)


def _moment(arrival: Arrival) -> int:
    """A call of a frequency trip has no times: docs/protocol.md."""
    moment = effective_time(arrival)
    return arrival.get("start", 0) if moment is None else moment


def _departure(board: Board, arrival: Arrival, now: float, zone: tzinfo) -> Departure:
    route = board["routes"].get(arrival.get("route_id", ""), {})
    off = arrival["status"] in _OFF
    late = None if off or "delay" not in arrival else _minutes(arrival["delay"])
    ends = " (ends here)" if arrival.get("last") else ""
    platform = arrival.get("platform_code") or board["stop"].get("platform_code", "")
    return Departure(
        line=clean(route.get("short_name") or route.get("long_name") or "-"),
        colour=route.get("color", ""),
        to=clean(arrival.get("headsign", "")) + ends,
        platform=clean(platform),
        time=datetime.fromtimestamp(_moment(arrival), zone).strftime("%H:%M"),
        delay="" if late is None else f"{late:+d} min" if late else "on time",
        late=late,
        vehicle=_vehicle(arrival),
        wait=_wait(arrival, now),
        off=off,
        departed=arrival["status"] == "departed",
    )


def _vehicle(arrival: Arrival) -> str:
    """Where it is, while it is near."""
    away = arrival.get("stops_away")
    if away is None:
        return ""
    if away:
        return f"{away} stops" if away > 1 else "1 stop"
    return "here" if arrival.get("vehicle", {}).get("status") == "stopped_at" else "next"


def _wait(arrival: Arrival, now: float) -> str:
    if arrival["status"] in _OFF:
        return arrival["status"]
    if "headway" in arrival:
        return f"~{max(1, _minutes(arrival['headway']))} min"
    left = _moment(arrival) - now
    if arrival["status"] == "departed":
        return f"-{int(-left) // _MINUTE} min" if left <= -_MINUTE else "left"
    if left < _MINUTE:
        return "now"
    if left < _HOUR:
        return f"{int(left) // _MINUTE} min"
    return f"{int(left) // _HOUR} h {int(left) % _HOUR // _MINUTE:02}"


def _minutes(seconds: int) -> int:
    """The nearest; halves away from zero, so that late and early are alike."""
    return (abs(seconds) + _MINUTE // 2) // _MINUTE * (1 if seconds >= 0 else -1)
