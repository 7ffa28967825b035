"""Trips whose stop time updates are all there is of them: NEW, ADDED, REPLACEMENT, unmatched ones.

SPEC rules 16, 21, 25 and 26; docs/decisions/0010-trips-that-realtime-makes.md.
"""

from collections.abc import Sequence

from google.transit.gtfs_realtime_pb2 import TripDescriptor

from feeds.realtime.calls import Call, CallStatus, with_properties
from feeds.realtime.decode import Note
from feeds.realtime.propagation import in_order
from feeds.realtime.stop_matching import NO_DATA, SKIPPED, Reading, moment, uncertainty, where

_WHOLE = frozenset({TripDescriptor.NEW, TripDescriptor.REPLACEMENT})  # past stops stay listed
_SCHEDULED = _WHOLE | {TripDescriptor.ADDED}  # what may carry `scheduled_time`

_Times = tuple[int, int, int | None]
"""Arrival and departure (POSIX seconds), and how uncertain they are."""

_UNTOLD = (None, None, None)


def added_calls(
    trip_id: str, relationship: int, readings: Sequence[Reading], note: Note
) -> list[Call] | None:
    """The calls at known stops that have a time, predicted or scheduled.

    None where nothing is left, or a trip that should be whole has a delay without a schedule (T4).
    """
    whole = relationship in _WHOLE
    if whole and any(map(_is_relative, readings)):
        note("stop_time_relative", trip_id)
        return None
    visits = _visits(readings)
    calls = _calls(trip_id, relationship, readings, visits, note)
    # A whole trip of one call would begin and end there: nobody could arrive or depart.
    if not calls or (whole and visits[0] == visits[-1]):
        if whole:
            note("trip_without_stops", trip_id)
        return None
    return in_order(trip_id, calls, note)


def _calls(
    trip_id: str,
    relationship: int,
    readings: Sequence[Reading],
    visits: Sequence[str],
    note: Note,
) -> list[Call]:
    whole, with_schedule = relationship in _WHOLE, relationship in _SCHEDULED
    calls: list[Call] = []
    seen: set[int] = set()
    for told, visit in zip(readings, visits, strict=True):
        if told.stop_sequence in seen:
            note("stop_repeated", where(trip_id, told))  # validator E036
            continue
        if told.calls_at is None:
            note("stop_unknown", where(trip_id, told))
            continue
        scheduled = _scheduled(told) if with_schedule else None
        first, last = whole and visit == visits[0], visit == visits[-1]
        call = _call(told, told.calls_at, visit, scheduled, first=first, last=last)
        if call is not None:
            calls.append(call)
        elif not told.timeless:
            note("stop_time_empty", where(trip_id, told))
            continue
        if told.stop_sequence is not None:
            seen.add(told.stop_sequence)
    return calls


def _call(
    told: Reading, stop_id: str, visit: str, scheduled: _Times | None, *, first: bool, last: bool
) -> Call | None:
    """None where there is no time: such a call cannot stand on a board."""
    status, times = CallStatus.PREDICTED, _times(told, scheduled)
    if told.relationship == SKIPPED:
        # It needs a time to stand on a board: the one at which it would have been.
        status, scheduled, times = CallStatus.SKIPPED, scheduled or times, None
    elif told.relationship == NO_DATA:
        status, times = CallStatus.NO_DATA, None
    elif times is None:
        status = CallStatus.SCHEDULED
    if scheduled is None and times is None:
        return None
    arrives, departs, _ = scheduled or _UNTOLD
    arrival, departure, uncertain = times or _UNTOLD
    call = Call(
        stop_id,
        visit,
        told.stop_sequence,
        status,
        arrives,
        departs,
        arrival,
        departure,
        uncertain,
        None,
        0,
        0,
        first,
        last,
        None,
        told.occupancy,
    )
    return call if told.properties is None else with_properties(call, told.properties)


def _scheduled(told: Reading) -> _Times | None:
    arrives = moment(told.arrival.scheduled_time)
    departs = moment(told.departure.scheduled_time)
    return (arrives or departs, departs or arrives, None) if arrives or departs else None


def _times(told: Reading, scheduled: _Times | None) -> _Times | None:
    """What is predicted; a missing half takes the other's delay, or its time (T1)."""
    arrival, departure, stay = told.arrives, told.departs, 0
    if scheduled is not None:
        arrives, departs, _ = scheduled
        stay = max(departs - arrives, 0)
        if not arrival and told.arrives_late is not None:
            arrival = arrives + told.arrives_late
        if not departure and told.departs_late is not None:
            departure = departs + told.departs_late
    if departure:
        return arrival or departure - stay, departure, uncertainty(told.departure)
    if arrival:
        return arrival, arrival + stay, uncertainty(told.arrival)
    return None


def _is_relative(told: Reading) -> bool:
    if told.timeless or told.arrives or told.departs:
        return False
    relative = told.arrives_late is not None or told.departs_late is not None
    return relative and _scheduled(told) is None


def _visits(readings: Sequence[Reading]) -> list[str]:
    """Names of the calls, counted from the end, since producers drop those past (rule 28)."""
    later: dict[str, int] = {}
    visits = []
    for told in reversed(readings):
        if told.stop_sequence is not None:
            visits.append(str(told.stop_sequence))
        else:
            count = later.get(told.stop_id, 0)
            visits.append(f"{told.stop_id}~{count}" if count else told.stop_id)
            later[told.stop_id] = count + 1
    return visits[::-1]
