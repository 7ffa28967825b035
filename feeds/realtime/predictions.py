"""When a trip calls at its stops: the schedule, and what a TripUpdate says of it.

What was decided where the specification is silent: docs/decisions/0005-predictions.md and
0010-trips-that-realtime-makes.md. Pure; all times are POSIX seconds.
"""

from collections.abc import Mapping, Sequence

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.added_trips import added_calls
from feeds.realtime.calls import Call, CallStatus, Said, planned_call
from feeds.realtime.decode import Note
from feeds.realtime.modifications import Modification
from feeds.realtime.propagation import in_order, propagate
from feeds.realtime.stop_matching import (
    Reading,
    decreasing,
    match_stops,
    moment,
    read,
    uncertainty,
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
    # CANCELED overrides the stop times (rule 16).
    told = () if canceled else update.stop_time_update
    readings = read(instance.trip_id, told, timetable.stops, note)
    if decreasing(readings):
        note("stop_sequence_decreasing", instance.trip_id)
        return None
    if planned:
        return _Run(instance, update, readings, timetable, note).calls(modification)
    if update.HasField("delay"):
        note("delay_unscheduled", f"{instance.trip_id}: the trip's")  # rule 26
    if instance.trip is None or relationship in _ADDED:
        return added_calls(instance.trip_id, relationship, readings, note)
    return _frequency_run(instance.trip, readings, timetable, note)


class _Run:
    """A run that has scheduled times, and an update of it."""

    def __init__(
        self,
        instance: TripInstance,
        update: TripUpdate,
        readings: Sequence[Reading],
        timetable: Timetable,
        note: Note,
    ) -> None:
        if instance.trip is None or instance.service_date is None:
            raise ValueError(f"{instance.trip_id} has no schedule")
        self.instance = instance
        self.update = update
        self.readings = readings
        self.note = note
        self.stop_times: Sequence[StopTime] = timetable.stop_times(instance.trip)
        self.zero = timetable.midnight(instance.service_date) + instance.shift

    def calls(self, modification: Modification | None) -> list[Call] | None:
        if self.instance.copy and not self.readings:
            self.note("trip_without_stops", self.instance.trip_id)
            return None  # a copy in the old style is what its updates say
        if self.update.trip.schedule_relationship == TripDescriptor.CANCELED:
            return self._planned([Said(CallStatus.CANCELED)] * len(self.stop_times))
        if modification is None:
            calls = self._planned(self._said(self.stop_times))
        else:
            calls = self._modified(modification)
        return in_order(self.instance.trip_id, calls, self.note)

    def _said(self, stop_times: Sequence[StopTime]) -> list[Said]:
        matched = match_stops(self.instance.trip_id, stop_times, self.readings, self.note)
        if self.update.trip.schedule_relationship == TripDescriptor.DUPLICATED:
            stop_times = self.stop_times = _rescheduled(stop_times, self.zero, matched)
        delay = self.update.delay if self.update.HasField("delay") else None
        return propagate(stop_times, self.zero, matched, delay)

    def _planned(self, said: Sequence[Said]) -> list[Call]:
        zero, end = self.zero, len(self.stop_times) - 1
        return [
            planned_call(stop_time, zero, each, first=i == 0, last=i == end)
            for i, (stop_time, each) in enumerate(zip(self.stop_times, said, strict=True))
        ]

    def _modified(self, modification: Modification) -> list[Call]:
        """Read against the modified schedule where the update says so, else against the other.

        Then nothing is predicted at replacement stops (rule 38).
        """
        own = self.update.trip.HasField("modified_trip")
        said = self._said(modification.numbered if own else self.stop_times)
        end = sum(stop.number is not None for stop in modification.stops)
        calls = []
        for stop in modification.stops:
            told = Said(CallStatus.SKIPPED)
            if stop.number is not None:
                place = stop.number - 1 if own else stop.position
                told = Said(CallStatus.SCHEDULED) if place is None else said[place]
            first, last = stop.number == 1, stop.number == end
            call = planned_call(stop.stop_time, self.zero, told, first=first, last=last)
            calls.append(stop.named(call))
        return calls


def _rescheduled(
    stop_times: Sequence[StopTime], zero: int, matched: Mapping[int, Reading]
) -> list[StopTime]:
    """The times of a copy, where its updates say how it is scheduled (rule 25)."""
    rescheduled = list(stop_times)
    for i, told in matched.items():
        arrival = moment(told.arrival.scheduled_time)
        departure = moment(told.departure.scheduled_time)
        if arrival or departure:
            rescheduled[i] = stop_times[i]._replace(
                arrival=(arrival or departure) - zero, departure=(departure or arrival) - zero
            )
    return rescheduled


def _frequency_run(
    trip: Trip, readings: Sequence[Reading], timetable: Timetable, note: Note
) -> list[Call] | None:
    """A run with exact_times=0: nothing says when it is due, so its updates' own times are all.

    A delay means nothing there (rule 26), and none goes on.
    """
    stop_times = timetable.stop_times(trip)
    end = len(stop_times) - 1
    calls = []
    for i, told in sorted(match_stops(trip.trip_id, stop_times, readings, note).items()):
        if told.timeless:
            continue
        if not told.arrives and not told.departs:
            note("delay_unscheduled", where(trip.trip_id, told))
            continue
        arrival, departure = told.arrives or told.departs, told.departs or told.arrives
        uncertain = uncertainty(told.departure if told.departs else told.arrival)
        said = Said(CallStatus.PREDICTED, arrival, departure, uncertain, told)
        call = planned_call(stop_times[i], 0, said, first=i == 0, last=i == end)
        calls.append(call._replace(scheduled_arrival=None, scheduled_departure=None))
    return in_order(trip.trip_id, calls, note) or None
