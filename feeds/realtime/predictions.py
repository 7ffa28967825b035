"""When a trip calls at its stops: the schedule, and what a TripUpdate says of it.

What was decided where the specification is silent: docs/decisions/0005-predictions.md and
0010-trips-that-realtime-makes.md. Pure; all times are POSIX seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.added_trips import added_calls
from feeds.realtime.calls import Call, Service, Times, planned_call, with_occupancy, with_properties
from feeds.realtime.decode import Note
from feeds.realtime.modifications import Modification
from feeds.realtime.propagation import Said, in_order, propagate
from feeds.realtime.stop_matching import (
    NO_DATA,
    SKIPPED,
    Matched,
    decreasing,
    match_stops,
    moment,
    where,
)
from feeds.realtime.trip_instance import TripInstance
from feeds.timetable.entities import StopTime, Trip
from feeds.timetable.timetable import Timetable

_ADDED = frozenset({TripDescriptor.ADDED, TripDescriptor.NEW, TripDescriptor.REPLACEMENT})


def predict(
    instance: TripInstance,
    update: TripUpdate,
    timetable: Timetable,
    note: Note,
    modification: Modification | None = None,
) -> list[Call] | None:
    """All calls of the instance as `update` has them; none of a deleted trip.

    None where the update cannot be used: then the schedule stands.
    """
    relationship = update.trip.schedule_relationship
    planned = instance.exact and relationship not in _ADDED
    canceled = relationship == TripDescriptor.CANCELED
    if relationship == TripDescriptor.DELETED or (canceled and not planned):
        return []
    if not canceled and decreasing(update.stop_time_update):  # CANCELED overrides them (rule 16)
        note("stop_sequence_decreasing", instance.trip_id)
        return None
    if planned:
        return _Run(instance, update, timetable, note).calls(modification)
    if instance.trip is None or relationship in _ADDED:
        return added_calls(instance.trip_id, update, timetable, note)
    return _frequency_run(instance.trip, update, timetable, note)


class _Run:
    """A run that has scheduled times, and an update of it."""

    def __init__(
        self, instance: TripInstance, update: TripUpdate, timetable: Timetable, note: Note
    ) -> None:
        if instance.trip is None or instance.service_date is None:
            raise ValueError(f"{instance.trip_id} has no schedule")
        self.instance = instance
        self.update = update
        self.timetable = timetable
        self.note = note
        self.stop_times: Sequence[StopTime] = timetable.stop_times(instance.trip)
        self.zero = timetable.midnight(instance.service_date) + instance.shift

    def calls(self, modification: Modification | None) -> list[Call] | None:
        if self.instance.copy and not self.update.stop_time_update:
            self.note("trip_without_stops", self.instance.trip_id)
            return None  # a copy in the old style is what its updates say
        if self.update.trip.schedule_relationship == TripDescriptor.CANCELED:
            canceled = [Said(Service.CANCELED)] * len(self.stop_times)
            return _planned(self.stop_times, self.zero, canceled, {})
        if modification is None:
            said, matched = self._said(self.stop_times)
            return _planned(self.stop_times, self.zero, said, matched)
        return self._modified(modification)

    def _said(self, stop_times: Sequence[StopTime]) -> tuple[list[Said], Mapping[int, Matched]]:
        trip_id, zero = self.instance.trip_id, self.zero
        updates = self.update.stop_time_update
        matched = match_stops(trip_id, stop_times, updates, self.timetable, self.note)
        if self.update.trip.schedule_relationship == TripDescriptor.DUPLICATED:
            stop_times = self.stop_times = _rescheduled(stop_times, zero, matched)
        scheduled = [(zero + planned.arrival, zero + planned.departure) for planned in stop_times]
        delay = self.update.delay if self.update.HasField("delay") else None
        said = propagate(scheduled, matched, delay)
        return list(in_order(trip_id, said, self.note)), matched

    def _modified(self, modification: Modification) -> list[Call]:
        """Read against the modified schedule where the update says so, else against the other.

        Then nothing is predicted at replacement stops (rule 38).
        """
        if own := self.update.trip.HasField("modified_trip"):
            said, matched = self._said(modification.numbered)
        else:
            said, matched = self._said(self.stop_times)
        end = sum(stop.number is not None for stop in modification.stops)
        calls = []
        for stop in modification.stops:
            told, update = Said(Service.SKIPPED), None
            if stop.number is not None:
                place = stop.number - 1 if own else stop.index
                told = Said(Service.SCHEDULED) if place is None else said[place]
                update = None if place is None else matched.get(place)
            first, last = stop.number == 1, stop.number == end
            call = _call(stop.stop_time, self.zero, told, update, first=first, last=last)
            calls.append(stop.named(call))
        return calls


def _call(
    stop_time: StopTime,
    zero: int,
    said: Said,
    matched: Matched | None,
    *,
    first: bool = False,
    last: bool = False,
) -> Call:
    call = planned_call(
        stop_time,
        zero,
        first=first,
        last=last,
        service=said.service,
        times=said.times,
        stop_id=said.stop_id,
    )
    if matched is None:
        return call
    return with_occupancy(with_properties(call, matched.properties), matched.update)


def _planned(
    stop_times: Sequence[StopTime],
    zero: int,
    said: Iterable[Said],
    matched: Mapping[int, Matched],
) -> list[Call]:
    end = len(stop_times) - 1
    return [
        _call(stop_time, zero, each, matched.get(i), first=i == 0, last=i == end)
        for i, (stop_time, each) in enumerate(zip(stop_times, said, strict=True))
    ]


def _rescheduled(
    stop_times: Sequence[StopTime], zero: int, matched: Mapping[int, Matched]
) -> list[StopTime]:
    """The times of a copy, where its updates say how it is scheduled (rule 25)."""
    told = list(stop_times)
    for i, each in matched.items():
        arrival = moment(each.update.arrival.scheduled_time)
        departure = moment(each.update.departure.scheduled_time)
        if arrival or departure:
            told[i] = told[i]._replace(
                arrival=(arrival or departure) - zero, departure=(departure or arrival) - zero
            )
    return told


def _frequency_run(trip: Trip, update: TripUpdate, timetable: Timetable, note: Note) -> list[Call]:
    """A run with exact_times=0: nothing says when it is due, so its updates' own times are all.

    A delay means nothing there (rule 26), and none goes on.
    """
    stop_times = timetable.stop_times(trip)
    matched = match_stops(trip.trip_id, stop_times, update.stop_time_update, timetable, note)
    told: list[tuple[int, Said]] = []
    for i, each in sorted(matched.items(), key=itemgetter(0)):
        if each.relationship in (SKIPPED, NO_DATA):
            continue
        arrival = each.arrival.time if each.arrival else 0
        departure = each.departure.time if each.departure else 0
        if not arrival and not departure:
            note("delay_unscheduled", where(trip.trip_id, each.update))
            continue
        event = each.departure if departure else each.arrival
        uncertainty = event.uncertainty if event else None
        times = Times(arrival or departure, departure or arrival, uncertainty)
        told.append((i, Said(Service.PREDICTED, times, each.stop_id)))
    said = in_order(trip.trip_id, (each for _, each in told), note)
    calls = []
    for (i, _), ordered in zip(told, said, strict=True):
        first, last = i == 0, i == len(stop_times) - 1
        call = _call(stop_times[i], 0, ordered, matched[i], first=first, last=last)
        calls.append(call._replace(scheduled_arrival=None, scheduled_departure=None))
    return calls
