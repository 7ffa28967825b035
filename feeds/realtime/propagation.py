"""Predicted times along a trip: given ones, those that follow, and their order (rules 21 to 34)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from feeds.realtime.calls import Service, Times
from feeds.realtime.decode import Note
from feeds.realtime.stop_matching import NO_DATA, SKIPPED, Event, Matched


class Said(NamedTuple):
    """What realtime says of a call; `stop_id` is the stop that it moves to, if it moves."""

    service: Service
    times: Times | None = None
    stop_id: str | None = None


def propagate(
    scheduled: Iterable[tuple[int, int]], matched: Mapping[int, Matched], delay: int | None
) -> list[Said]:
    """For each call, its own update or the delay that came so far (rules 29 to 33).

    `scheduled` are arrival and departure in POSIX seconds; `delay` is that of the whole trip.
    """
    said: list[Said] = []
    silent = Service.SCHEDULED
    for i, (arrival, departure) in enumerate(scheduled):
        told, stop_id = matched.get(i), None
        if told is not None:
            stop_id = told.stop_id
            if told.relationship == SKIPPED:
                said.append(Said(Service.SKIPPED, None, stop_id))
                continue
            if told.relationship == NO_DATA:
                delay, silent = None, Service.NO_DATA
            else:
                times = _given(told, arrival, departure)
                delay = _given_delay(told) or times.departure - departure
                silent = Service.SCHEDULED
                said.append(Said(Service.PREDICTED, times, stop_id))
                continue
        if delay is None:
            said.append(Said(silent, None, stop_id))
        else:
            times = Times(arrival + delay, departure + delay)
            said.append(Said(Service.PREDICTED, times, stop_id))
    return said


def in_order(trip_id: str, said: Iterable[Said], note: Note) -> Iterator[Said]:
    """No predicted time lies before an earlier one of the trip (rule 34)."""
    floor = 0
    for each in said:
        times = each.times
        if times is None:
            yield each
        elif floor <= times.arrival <= times.departure:
            floor = times.departure
            yield each
        else:
            note("times_decreasing", trip_id)  # validator E022, E025
            arrival = max(times.arrival, floor)
            floor = max(times.departure, arrival)
            yield each._replace(times=Times(arrival, floor, times.uncertainty))


def _given(told: Matched, scheduled_arrival: int, scheduled_departure: int) -> Times:
    """The update's own times; it has at least one.

    A missing half takes the other's delay, and no arrival is later than its departure (P05, P06).
    """
    arrival = told.arrival.at(scheduled_arrival) if told.arrival else None
    if told.departure is None:
        if told.arrival is None or arrival is None:
            raise ValueError("an empty update was matched")
        departure = max(scheduled_departure + arrival - scheduled_arrival, arrival)
        return Times(arrival, departure, told.arrival.uncertainty)
    departure = told.departure.at(scheduled_departure) or scheduled_departure
    if arrival is None:
        arrival = min(scheduled_arrival + departure - scheduled_departure, departure)
    return Times(arrival, departure, told.departure.uncertainty)


def _given_delay(told: Matched) -> int:
    """The delay that goes on, where the feed says one beside a time that says another (F7).

    0 counts as not said: it is how some producers fill the field beside every time.
    """
    event: Event | None = told.departure or told.arrival
    return (event.delay or 0) if event else 0
