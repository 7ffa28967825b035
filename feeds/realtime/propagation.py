"""Predicted times along a trip: given ones, those that follow, and their order (rules 21 to 34)."""

from collections.abc import Iterable, Mapping

from feeds.realtime.calls import Call, CallStatus, Said
from feeds.realtime.decode import Note
from feeds.realtime.stop_matching import NO_DATA, SKIPPED, Reading, uncertainty
from feeds.timetable.entities import StopTime


def propagate(
    stop_times: Iterable[StopTime], zero: int, matched: Mapping[int, Reading], delay: int | None
) -> list[Said]:
    """For each call, its own update or the delay that came so far (rules 29 to 33).

    `zero` is the POSIX time that the schedule counts from; `delay` is that of the whole trip.
    """
    predicted, silent = CallStatus.PREDICTED, CallStatus.SCHEDULED
    said: list[Said] = []
    for i, stop_time in enumerate(stop_times):
        arrives, departs = zero + stop_time.arrival, zero + stop_time.departure
        told = matched.get(i)
        if told is not None:
            if told.relationship == SKIPPED:
                said.append(Said(CallStatus.SKIPPED, None, None, None, told))
                continue
            if told.relationship == NO_DATA:
                delay, silent = None, CallStatus.NO_DATA
            else:
                arrival, departure = _given(told, arrives, departs)
                late = told.arrives_late if told.departs_late is None else told.departs_late
                event = told.arrival if told.departs_late is None else told.departure
                said.append(Said(predicted, arrival, departure, uncertainty(event), told))
                # The delay that the feed gives goes on before the one that its time makes (F7), but
                # 0 counts as not said: it is how some producers fill the field beside every time.
                delay, silent = late or departure - departs, CallStatus.SCHEDULED
                continue
        if delay is not None:
            said.append(Said(predicted, arrives + delay, departs + delay))
        else:
            said.append(Said(silent, None, None, None, told))
    return said


def _given(told: Reading, arrives: int, departs: int) -> tuple[int, int]:
    """The update's own times of a call that the schedule has then; `time` wins (rule 23).

    A missing half takes the other's delay, and no arrival is later than its departure (P05, P06).
    """
    arrival = told.arrives or arrives + (told.arrives_late or 0)
    departure = told.departs or departs + (told.departs_late or 0)
    if told.departs_late is None:
        departure = max(departs + arrival - arrives, arrival)
    elif told.arrives_late is None:
        arrival = min(arrives + departure - departs, departure)
    return arrival, departure


def in_order(trip_id: str, calls: list[Call], note: Note) -> list[Call]:
    """The calls, no predicted time before an earlier one of the trip (rule 34)."""
    floor = 0
    for i, call in enumerate(calls):
        arrival, departure = call.arrival, call.departure
        if arrival is None or departure is None:
            continue
        if not floor <= arrival <= departure:
            note("times_decreasing", trip_id)  # validator E022, E025
            arrival = max(arrival, floor)
            departure = max(departure, arrival)
            calls[i] = call._replace(arrival=arrival, departure=departure)
        floor = departure
    return calls
