"""Which stop time update belongs to which call (SPEC rules 18 to 23).

An update is read field by field once, here: access to protobuf is what a changed trip costs most.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import TripUpdate

from feeds.realtime.decode import Note
from feeds.timetable.entities import StopTime
from feeds.timetable.timetable import Timetable

StopTimeUpdate = TripUpdate.StopTimeUpdate
StopTimeEvent = TripUpdate.StopTimeEvent
StopTimeProperties = StopTimeUpdate.StopTimeProperties

SKIPPED, NO_DATA = StopTimeUpdate.SKIPPED, StopTimeUpdate.NO_DATA
_NO_MOMENT = 2**40  # milliseconds, or garbage: a difference of two must fit JSON's 64 bits


class Event(NamedTuple):
    """An arrival or departure that says something: `time` is 0 where it only has a `delay`."""

    time: int
    delay: int | None
    uncertainty: int | None

    def at(self, scheduled: int | None) -> int | None:
        """When it is; None for a delay of something unscheduled. `time` wins (rule 23)."""
        if self.time:
            return self.time
        return None if scheduled is None or self.delay is None else scheduled + self.delay


class Matched(NamedTuple):
    """An update of a call. `stop_id` is the stop that it names, None for no known one."""

    relationship: int
    arrival: Event | None
    departure: Event | None
    stop_id: str | None
    properties: StopTimeProperties | None
    update: StopTimeUpdate


def match_stops(
    trip_id: str,
    stop_times: Sequence[StopTime],
    updates: Iterable[StopTimeUpdate],
    timetable: Timetable,
    note: Note,
) -> dict[int, Matched]:
    """By position in `stop_times`, the update of that call. What fits nowhere is noted."""
    by_sequence = {stop_time.stop_sequence: i for i, stop_time in enumerate(stop_times)}
    matched: dict[int, Matched] = {}
    after = 0
    for update in updates:
        if update.HasField("stop_sequence"):
            index = by_sequence.get(update.stop_sequence)
        else:
            index = _next_visit(stop_times, update.stop_id, after)
        if index is None:
            note("stop_not_in_trip", where(trip_id, update))
        elif index in matched:
            note("stop_repeated", where(trip_id, update))  # validator E036
        else:
            after = index + 1  # of an empty one too: it speaks of that call
            found = read(update, timetable)
            timeless = found.relationship in (SKIPPED, NO_DATA)
            if not timeless and found.arrival is None and found.departure is None:
                note("stop_time_empty", where(trip_id, update))  # validator E043, E044
                continue
            if found.stop_id != stop_times[index].stop_id:
                _note_stop(trip_id, stop_times[index].stop_id, found, note)
            matched[index] = found
    return matched


def read(update: StopTimeUpdate, timetable: Timetable) -> Matched:
    """What an update says, whichever call it is of."""
    properties = None
    stop_id = update.stop_id
    if update.HasField("stop_time_properties"):
        properties = update.stop_time_properties
        assigned = properties.assigned_stop_id
        if assigned in timetable.stops:
            stop_id = assigned
    return Matched(
        update.schedule_relationship,
        _event(update.arrival) if update.HasField("arrival") else None,
        _event(update.departure) if update.HasField("departure") else None,
        stop_id if stop_id in timetable.stops else None,
        properties,
        update,
    )


def decreasing(updates: Iterable[StopTimeUpdate]) -> bool:
    """Whether a stop_sequence is lower than one before it (validator E002)."""
    numbers = [each.stop_sequence for each in updates if each.HasField("stop_sequence")]
    return any(a > b for a, b in pairwise(numbers))


def where(trip_id: str, update: StopTimeUpdate) -> str:
    """For a note: the call that an update speaks of."""
    sequence = update.stop_sequence if update.HasField("stop_sequence") else "none"
    return f"{trip_id}: stop_sequence {sequence}, stop_id {update.stop_id or 'none'}"


def moment(time: int) -> int:
    """A POSIX time as given; 0, how some producers leave it out (rule 7), for what is none."""
    return time if 0 < time < _NO_MOMENT else 0


def _event(event: StopTimeEvent) -> Event | None:
    time = moment(event.time)
    delay = event.delay if event.HasField("delay") else None
    if not time and delay is None:
        return None
    if not event.HasField("uncertainty") or event.uncertainty < 0:  # an error is none (rule 27)
        return Event(time, delay, None)
    return Event(time, delay, event.uncertainty)


def _next_visit(stop_times: Sequence[StopTime], stop_id: str, after: int) -> int | None:
    # In order along the trip, so that a loop's second visit finds its own update (P11 to P13).
    indexes = range(after, len(stop_times))
    return next((i for i in indexes if stop_times[i].stop_id == stop_id), None)


def _note_stop(trip_id: str, planned: str, found: Matched, note: Note) -> None:
    """Another stop than the schedule's: an assignment, or a contradiction (validator E045)."""
    assigned = found.properties.assigned_stop_id if found.properties else ""
    told = found.update.stop_id
    if told not in ("", planned, assigned):
        fate = "moved" if found.stop_id == told else "unknown"
        note(f"stop_disagrees_{fate}", where(trip_id, found.update))
