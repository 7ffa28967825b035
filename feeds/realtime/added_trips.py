"""Trips whose stop time updates are all there is of them: NEW, ADDED, REPLACEMENT, unmatched ones.

SPEC rules 16, 21, 25 and 26; docs/decisions/0010-trips-that-realtime-makes.md.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.calls import Call, Service, Times, with_occupancy, with_properties
from feeds.realtime.decode import Note
from feeds.realtime.propagation import Said, in_order
from feeds.realtime.stop_matching import (
    NO_DATA,
    SKIPPED,
    Matched,
    StopTimeUpdate,
    moment,
    read,
    where,
)
from feeds.timetable.timetable import Timetable

_WHOLE = frozenset({TripDescriptor.NEW, TripDescriptor.REPLACEMENT})  # past stops stay listed
_SCHEDULED = _WHOLE | {TripDescriptor.ADDED}  # what may carry `scheduled_time`


class _Told(NamedTuple):
    """One stop time update of a known stop: when as scheduled, and what realtime says of it."""

    position: int
    stop_id: str
    matched: Matched
    scheduled: Times | None
    said: Said


def added_calls(
    trip_id: str, update: TripUpdate, timetable: Timetable, note: Note
) -> list[Call] | None:
    """The calls at known stops that have a time, predicted or scheduled.

    None where nothing is left, or a trip that should be whole has a delay without a schedule (T4).
    """
    relationship = update.trip.schedule_relationship
    updates = update.stop_time_update
    if relationship in _WHOLE and any(map(_is_relative, updates)):
        note("stop_time_relative", trip_id)
        return None
    told = list(_read(trip_id, update, timetable, note))
    # A whole trip of one call would begin and end there: nobody could arrive or depart.
    if not told or (relationship in _WHOLE and len(updates) == 1):
        if relationship in _WHOLE:
            note("trip_without_stops", trip_id)
        return None
    visits = _visits(updates)
    calls = []
    for each, said in zip(told, in_order(trip_id, (e.said for e in told), note), strict=True):
        call = _call(each, said, visits[each.position])
        first = each.position == 0 and relationship in _WHOLE
        last = each.position == len(updates) - 1
        call = with_properties(call._replace(first=first, last=last), each.matched.properties)
        calls.append(with_occupancy(call, each.matched.update))
    return calls


def _read(
    trip_id: str, trip_update: TripUpdate, timetable: Timetable, note: Note
) -> Iterable[_Told]:
    with_schedule = trip_update.trip.schedule_relationship in _SCHEDULED
    seen: set[int] = set()
    for position, update in enumerate(trip_update.stop_time_update):
        if update.HasField("stop_sequence"):
            if update.stop_sequence in seen:
                note("stop_repeated", where(trip_id, update))  # validator E036
                continue
            seen.add(update.stop_sequence)
        told = read(update, timetable)
        if told.stop_id is None:
            note("stop_unknown", where(trip_id, update))
            continue
        scheduled = _scheduled(update) if with_schedule else None
        times = _times(told, scheduled)
        if told.relationship == SKIPPED:
            # It needs a time to stand on a board: the one at which it would have been.
            scheduled, said = scheduled or times, Said(Service.SKIPPED)
        elif told.relationship == NO_DATA:
            said = Said(Service.NO_DATA)
        elif times is not None:
            said = Said(Service.PREDICTED, times)
        else:
            said = Said(Service.SCHEDULED)
        if scheduled or said.times:
            yield _Told(position, told.stop_id, told, scheduled, said)
        elif said.service is Service.SCHEDULED:
            note("stop_time_empty", where(trip_id, update))


def _scheduled(update: StopTimeUpdate) -> Times | None:
    arrival = moment(update.arrival.scheduled_time)
    departure = moment(update.departure.scheduled_time)
    either = arrival or departure
    return Times(arrival or either, departure or either) if either else None


def _times(told: Matched, scheduled: Times | None) -> Times | None:
    """What is predicted; a missing half takes the other's delay, or its time (T1)."""
    planned = scheduled or (None, None, None)
    arrival = told.arrival.at(planned[0]) if told.arrival else None
    departure = told.departure.at(planned[1]) if told.departure else None
    stay = max(scheduled.departure - scheduled.arrival, 0) if scheduled else 0
    if told.departure and departure is not None:
        arrival = departure - stay if arrival is None else arrival
        return Times(arrival, departure, told.departure.uncertainty)
    if told.arrival and arrival is not None:
        return Times(arrival, arrival + stay, told.arrival.uncertainty)
    return None


def _is_relative(update: StopTimeUpdate) -> bool:
    if update.schedule_relationship in (SKIPPED, NO_DATA):
        return False
    events = (update.arrival, update.departure)
    relative = any(event.HasField("delay") for event in events)
    return relative and not any(event.time or event.scheduled_time for event in events)


def _call(told: _Told, said: Said, visit: str) -> Call:
    scheduled, times, update = told.scheduled, said.times, told.matched.update
    return Call(
        told.stop_id,
        visit,
        update.stop_sequence if update.HasField("stop_sequence") else None,
        said.service,
        scheduled.arrival if scheduled else None,
        scheduled.departure if scheduled else None,
        times.arrival if times else None,
        times.departure if times else None,
        times.uncertainty if times else None,
        None,
        0,
        0,
        first=False,
        last=False,
    )


def _visits(updates: Sequence[StopTimeUpdate]) -> list[str]:
    """Names of the calls, counted from the end, since producers drop those past (rule 28)."""
    later: Counter[str] = Counter()
    visits = []
    for update in reversed(updates):
        if update.HasField("stop_sequence"):
            visits.append(str(update.stop_sequence))
        else:
            count = later[update.stop_id]
            visits.append(f"{update.stop_id}~{count}" if count else update.stop_id)
        later[update.stop_id] += 1
    return visits[::-1]
