"""When a trip calls at its stops: the schedule, and what a TripUpdate says of it.

SPEC rules 18 to 35 and what we decided where the specification is silent
(docs/decisions/0005-predictions.md). Pure; all times are POSIX seconds.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.decode import Note
from feeds.realtime.trips import TripInstance
from feeds.timetable.entities import StopTime
from feeds.timetable.timetable import Timetable

StopTimeUpdate = TripUpdate.StopTimeUpdate
StopTimeEvent = TripUpdate.StopTimeEvent


class Service(Enum):
    """What realtime says of one call. The values are statuses of the wire."""

    SCHEDULED = "scheduled"
    PREDICTED = "predicted"
    NO_DATA = "no_data"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class Times(NamedTuple):
    """Predicted times of one call; `uncertainty` in seconds, as the feed gives it."""

    arrival: int
    departure: int
    uncertainty: int | None = None


class Call(NamedTuple):
    """One trip at one stop. `visit` tells it from the trip's other calls, poll after poll."""

    stop_id: str
    visit: str
    stop_sequence: int | None
    service: Service
    scheduled_arrival: int | None
    scheduled_departure: int | None
    arrival: int | None
    departure: int | None
    uncertainty: int | None
    headsign: str | None
    pickup_type: int
    drop_off_type: int
    first: bool
    last: bool

    @property
    def time(self) -> int | None:
        """The effective time: departure, else arrival, else as scheduled; at the end, arrival."""
        events = (
            (self.arrival, self.departure, self.scheduled_arrival, self.scheduled_departure)
            if self.last
            else (self.departure, self.arrival, self.scheduled_departure, self.scheduled_arrival)
        )
        return next((moment for moment in events if moment is not None), None)


def planned_call(
    stop_time: StopTime,
    zero: int,
    *,
    first: bool,
    last: bool,
    service: Service = Service.SCHEDULED,
    times: Times | None = None,
    stop_id: str | None = None,
) -> Call:
    """A call of the schedule; `zero` is the POSIX time that its times count from."""
    arrival, departure, uncertainty = times or (None, None, None)
    return Call(
        stop_id or stop_time.stop_id,
        str(stop_time.stop_sequence),
        stop_time.stop_sequence,
        service,
        zero + stop_time.arrival,
        zero + stop_time.departure,
        arrival,
        departure,
        uncertainty,
        stop_time.headsign,
        stop_time.pickup_type,
        stop_time.drop_off_type,
        first,
        last,
    )


def predict(
    instance: TripInstance, update: TripUpdate, timetable: Timetable, note: Note
) -> list[Call] | None:
    """All calls of the instance as `update` has them; none of a deleted trip.

    None where the update cannot be used: then the schedule stands.
    """
    relationship = update.trip.schedule_relationship
    if relationship == TripDescriptor.DELETED:
        return []
    updates = update.stop_time_update
    if _decreasing([u.stop_sequence for u in updates if u.HasField("stop_sequence")]):
        note("stop_sequence_decreasing", instance.trip_id)  # validator E002
        return None
    if instance.trip is None or instance.service_date is None:
        canceled = relationship == TripDescriptor.CANCELED
        return [] if canceled else _unscheduled(instance, updates, timetable, note)
    stop_times = timetable.stop_times(instance.trip)
    zero = timetable.midnight(instance.service_date) + instance.shift
    if relationship == TripDescriptor.CANCELED:
        return _planned(stop_times, zero, [(Service.CANCELED, None, None)] * len(stop_times))
    matched = _match_stops(instance, stop_times, updates, timetable, note)
    delay = update.delay if update.HasField("delay") else None
    scheduled = [(zero + s.arrival, zero + s.departure) for s in stop_times]
    said = _propagate(scheduled, matched, delay)
    return _planned(stop_times, zero, _clamped(instance, said, note))


Said = tuple[Service, Times | None, str | None]
"""What realtime says of a call; the stop that it moves to, if it moves."""


def _planned(stop_times: Sequence[StopTime], zero: int, said: Iterable[Said]) -> list[Call]:
    end = len(stop_times) - 1
    return [
        planned_call(
            stop_time,
            zero,
            first=i == 0,
            last=i == end,
            service=service,
            times=times,
            stop_id=stop_id,
        )
        for i, (stop_time, (service, times, stop_id)) in enumerate(
            zip(stop_times, said, strict=True)
        )
    ]


def _decreasing(numbers: Sequence[int]) -> bool:
    return any(a > b for a, b in pairwise(numbers))


# -- which update belongs to which call (rules 18 to 20) ----------------------------------------


class Matched(NamedTuple):
    """An update and the stop that it moves its call to, if it moves it."""

    update: StopTimeUpdate
    stop_id: str | None


def _match_stops(
    instance: TripInstance,
    stop_times: Sequence[StopTime],
    updates: Iterable[StopTimeUpdate],
    timetable: Timetable,
    note: Note,
) -> dict[int, Matched]:
    by_sequence = {stop_time.stop_sequence: i for i, stop_time in enumerate(stop_times)}
    matched: dict[int, Matched] = {}
    after = 0
    for update in updates:
        if update.HasField("stop_sequence"):
            index = by_sequence.get(update.stop_sequence)
        else:
            index = _next_visit(stop_times, update.stop_id, after)
        if index is None:
            note("stop_not_in_trip", _where(instance, update))
        elif index in matched:
            note("stop_repeated", _where(instance, update))  # validator E036
        elif _is_empty(update):
            note("stop_time_empty", _where(instance, update))  # validator E043, E044
        else:
            if update.stop_id not in ("", stop_times[index].stop_id, _assigned(update)):
                fate = "moved" if update.stop_id in timetable.stops else "unknown"
                note(f"stop_disagrees_{fate}", _where(instance, update))  # validator E045
            matched[index] = Matched(update, _moved_to(update, timetable))
            after = index + 1
    return matched


def _next_visit(stop_times: Sequence[StopTime], stop_id: str, after: int) -> int | None:
    # In order along the trip, so that a loop's second visit finds its own update (P11 to P13).
    indexes = range(after, len(stop_times))
    return next((i for i in indexes if stop_times[i].stop_id == stop_id), None)


def _where(instance: TripInstance, update: StopTimeUpdate) -> str:
    sequence = update.stop_sequence if update.HasField("stop_sequence") else "none"
    return f"{instance.trip_id}: stop_sequence {sequence}, stop_id {update.stop_id or 'none'}"


def _assigned(update: StopTimeUpdate) -> str:
    return update.stop_time_properties.assigned_stop_id


def _moved_to(update: StopTimeUpdate, timetable: Timetable) -> str | None:
    for stop_id in (_assigned(update), update.stop_id):
        if stop_id in timetable.stops:
            return stop_id
    return None


# -- times (rules 21 to 34) ---------------------------------------------------------------------


def _propagate(
    scheduled: Iterable[tuple[int, int]], matched: dict[int, Matched], delay: int | None
) -> list[Said]:
    """A delay goes on to all later calls until the next update; NO_DATA ends it (29 to 33)."""
    said: list[Said] = []
    silent = Service.SCHEDULED
    for i, (arrival, departure) in enumerate(scheduled):
        update, stop_id = matched.get(i, (None, None))
        if update is not None:
            if update.schedule_relationship == StopTimeUpdate.SKIPPED:
                said.append((Service.SKIPPED, None, stop_id))
                continue
            if update.schedule_relationship == StopTimeUpdate.NO_DATA:
                delay, silent = None, Service.NO_DATA
            else:
                times = _given(update, arrival, departure)
                delay = _given_delay(update) or times.departure - departure
                silent = Service.SCHEDULED
                said.append((Service.PREDICTED, times, stop_id))
                continue
        if delay is None:
            said.append((silent, None, stop_id))
        else:
            said.append((Service.PREDICTED, Times(arrival + delay, departure + delay), stop_id))
    return said


def _is_empty(update: StopTimeUpdate) -> bool:
    if update.schedule_relationship in (StopTimeUpdate.SKIPPED, StopTimeUpdate.NO_DATA):
        return False
    return _event(update.arrival, 0) is None and _event(update.departure, 0) is None


def _given(update: StopTimeUpdate, scheduled_arrival: int, scheduled_departure: int) -> Times:
    """The update's own times; it has at least one.

    A missing half takes the other's delay, and no arrival is later than its departure (P05, P06).
    """
    arrival = _event(update.arrival, scheduled_arrival)
    departure = _event(update.departure, scheduled_departure)
    if departure is None:
        if arrival is None:
            raise ValueError("an empty update was matched")
        departure = max(scheduled_departure + arrival - scheduled_arrival, arrival)
        return Times(arrival, departure, _uncertainty(update.arrival))
    if arrival is None:
        arrival = min(scheduled_arrival + departure - scheduled_departure, departure)
    return Times(arrival, departure, _uncertainty(update.departure))


def _given_delay(update: StopTimeUpdate) -> int:
    """The delay that goes on, where the feed says one beside a time that says another (F7).

    0 counts as not said: it is how some producers fill the field beside every time.
    """
    return (update.departure if _event(update.departure, 0) is not None else update.arrival).delay


def _event(event: StopTimeEvent, scheduled: int) -> int | None:
    # `time` wins (rule 23); `time: 0` is how some producers leave it out (rule 7).
    if event.time:
        return event.time
    return scheduled + event.delay if event.HasField("delay") else None


def _uncertainty(event: StopTimeEvent) -> int | None:
    return event.uncertainty if event.HasField("uncertainty") else None


def _clamped(instance: TripInstance, said: Iterable[Said], note: Note) -> Iterable[Said]:
    """No predicted time lies before an earlier one of the trip (rule 34)."""
    floor = 0
    for service, times, stop_id in said:
        if times is None:
            yield service, times, stop_id
            continue
        arrival = max(times.arrival, floor)
        floor = max(times.departure, arrival)
        if (arrival, floor) != (times.arrival, times.departure):
            note("times_decreasing", instance.trip_id)  # validator E022, E025
        yield service, Times(arrival, floor, times.uncertainty), stop_id


# -- trips that the schedule does not have ------------------------------------------------------


def _unscheduled(
    instance: TripInstance,
    updates: Sequence[StopTimeUpdate],
    timetable: Timetable,
    note: Note,
) -> list[Call]:
    """The updates are the trip: known stops with absolute times, as far as they are served."""
    calls: list[Call] = []
    floor = 0
    for position, update in enumerate(updates):
        stop_id = _moved_to(update, timetable)
        if stop_id is None:
            note("stop_unknown", _where(instance, update))
            continue
        if update.schedule_relationship in (StopTimeUpdate.SKIPPED, StopTimeUpdate.NO_DATA):
            continue
        arrival = update.arrival.time or update.departure.time
        departure = update.departure.time or arrival
        if not arrival:
            note("stop_time_empty", _where(instance, update))
            continue
        arrival = max(arrival, floor)
        if (clamped := max(departure, arrival)) != departure:
            note("times_decreasing", instance.trip_id)
        floor = clamped
        calls.append(
            _unscheduled_call(update, stop_id, arrival, clamped, _visit(updates, position))
        )
    if calls:
        calls[-1] = calls[-1]._replace(last=True)
    return calls


def _unscheduled_call(
    update: StopTimeUpdate, stop_id: str, arrival: int, departure: int, visit: str
) -> Call:
    uncertainty = _uncertainty(update.departure if update.departure.time else update.arrival)
    return Call(
        stop_id,
        visit,
        update.stop_sequence if update.HasField("stop_sequence") else None,
        Service.PREDICTED,
        None,
        None,
        arrival,
        departure,
        uncertainty,
        update.stop_time_properties.stop_headsign or None,
        0,
        0,
        first=False,
        last=False,
    )


def _visit(updates: Sequence[StopTimeUpdate], position: int) -> str:
    """Counted from the end, since producers drop the calls that are past (rule 28)."""
    update = updates[position]
    if update.HasField("stop_sequence"):
        return str(update.stop_sequence)
    later = sum(1 for other in updates[position + 1 :] if other.stop_id == update.stop_id)
    return f"{update.stop_id}~{later}" if later else update.stop_id
