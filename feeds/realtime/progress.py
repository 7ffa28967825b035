"""How far a vehicle has come along the calls of its trip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from feeds.realtime.calls import CallStatus
from feeds.realtime.sighting import Place, Sighting
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trip_updates import Run
from feeds.timetable.timetable import Timetable

NEAR = 5  # stops away at most that a vehicle is told on a board
PASSED = -1

Visit = tuple[str, str]
"""A call of a trip: its `visit`, and the stop_id."""


class Waypoint(NamedTuple):
    """A call as a vehicle meets it. `served`: neither skipped nor canceled."""

    visit: str
    stop_id: str
    stop_sequence: int | None
    time: int
    served: bool


class Progress(NamedTuple):
    """The newest sighting of a trip's vehicle, joined with the calls of that trip.

    `away`, by visit: the stops that it still makes before that call and the stop's id; PASSED
    where it has left it behind. What is further than NEAR is left out. `passed`: by visit, by when
    it was seen to have left that stop; the first sighting that says so counts.
    """

    sighting: Sighting
    run: Run | None
    away: dict[str, tuple[int, str]]
    passed: dict[str, int]

    @property
    def near(self) -> set[Visit]:
        """The visits that tell of the vehicle."""
        return {(visit, stop) for visit, (away, stop) in self.away.items() if away != PASSED}


def when_passed(
    away: Mapping[str, tuple[int, str]], moment: int, before: Progress | None
) -> dict[str, int]:
    """`Progress.passed` of a vehicle seen at `moment`, after what was known before."""
    known = before.passed if before else {}
    return {visit: known.get(visit, moment) for visit, (left, _) in away.items() if left == PASSED}


def run_waypoints(run: Run) -> list[Waypoint]:
    """The way as realtime has it."""
    return [
        Waypoint(
            call.visit,
            call.stop_id,
            call.stop_sequence,
            call.time or 0,
            call.status not in (CallStatus.SKIPPED, CallStatus.CANCELED),
        )
        for call in run.calls
    ]


def scheduled_waypoints(instance: TripInstance, timetable: Timetable) -> list[Waypoint]:
    """The way as the schedule has it; none of a trip that it does not have."""
    if instance.trip is None or instance.service_date is None:
        return []
    zero = timetable.midnight(instance.service_date) + instance.shift
    return [
        Waypoint(
            str(row.stop_sequence),
            row.stop_id,
            row.stop_sequence,
            zero + row.departure,
            served=True,
        )
        for row in timetable.stop_times(instance.trip)
    ]


def stops_away(
    way: Sequence[Waypoint], place: Place, moment: float
) -> dict[str, tuple[int, str]] | None:
    """`Progress.away` of a vehicle seen at `place`, `moment`; None where that is not on its way.

    0 is the stop that it is at or comes to next. Skipped stops do not count.
    """
    current = _current(way, place, moment)
    if current is None:
        return None
    return dict(_away(way, current, stands=place[2]))


def _away(
    way: Sequence[Waypoint], current: int, *, stands: bool
) -> Iterator[tuple[str, tuple[int, str]]]:
    ended = stands and current == len(way) - 1  # rule 28: arrived at the last stop, it is over
    passed = current + 1 if ended else current
    for point in way[:passed]:
        yield point.visit, (PASSED, point.stop_id)
    count = 0
    for point in way[passed:]:
        if count > NEAR:
            break
        if point.served:
            yield point.visit, (count, point.stop_id)
            count += 1


def _current(way: Sequence[Waypoint], place: Place, moment: float) -> int | None:
    """By stop_sequence; else by stop_id, on a loop the visit whose time is nearest."""
    stop_sequence, stop_id, _ = place
    if stop_sequence is not None:
        for index, point in enumerate(way):
            if point.stop_sequence == stop_sequence:
                return index
    visits = [index for index, point in enumerate(way) if point.stop_id == stop_id]
    return min(visits, key=lambda index: abs(way[index].time - moment), default=None)
