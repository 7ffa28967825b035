"""Which run of which trip a TripUpdate speaks of (SPEC rules 10 to 17).

What the specification leaves open: docs/decisions/0005-predictions.md, and of added trips
0010-trips-that-realtime-makes.md.
"""

from dataclasses import replace
from datetime import date, timedelta

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.decode import Note
from feeds.realtime.descriptors import day, seconds
from feeds.realtime.service_dates import is_calendar_date, nearest_day
from feeds.realtime.trip_instance import TripInstance
from feeds.timetable.entities import Trip
from feeds.timetable.timetable import Timetable

_ADDED = frozenset({TripDescriptor.ADDED, TripDescriptor.NEW})
# Those whose headsign and name may be told in trip_properties.
_NAMED = _ADDED | {TripDescriptor.REPLACEMENT, TripDescriptor.DUPLICATED}


def match(update: TripUpdate, timetable: Timetable, now: float, note: Note) -> TripInstance | None:
    """The instance that `update` is about; None, noted, where it tells none or a wrong one."""
    instance = _Match(update, timetable, now, note).instance()
    if instance and update.trip.schedule_relationship in _NAMED:
        told = update.trip_properties
        names = told.trip_headsign or None, told.trip_short_name or None
        if any(names):
            return replace(instance, headsign=names[0], short_name=names[1])
    return instance


class _Match:
    """One TripUpdate, held against the timetable."""

    def __init__(self, update: TripUpdate, timetable: Timetable, now: float, note: Note) -> None:
        self.update = update
        self.timetable = timetable
        self.now = now
        self.note = note
        self.descriptor = _descriptor(update)
        self.trip_id = self.descriptor.trip_id.strip()
        self.start = seconds(self.descriptor.start_time)
        self.service_date = day(self.descriptor.start_date)

    def instance(self) -> TripInstance | None:
        if not self.trip_id:
            return self._by_start()
        if self.descriptor.start_date and self.service_date is None:
            self.note("start_date_malformed", self.descriptor.start_date)
        if self.descriptor.start_time and self.start is None:
            self.note("start_time_malformed", f"{self.trip_id} at {self.descriptor.start_time}")
        relationship = self.descriptor.schedule_relationship
        if relationship in _ADDED:
            return self._added()
        trip = self.timetable.trips.get(self.trip_id)
        if trip is None:
            return self._unscheduled()
        self._note_contradictions(trip)
        if relationship == TripDescriptor.DUPLICATED:
            return self._duplicate(trip)
        return self._run(trip)

    def _not_running(self) -> TripInstance | None:
        on, at = self.descriptor.start_date or "any day around now", self.descriptor.start_time
        self.note("trip_not_running", f"{self.trip_id} on {on}{f' at {at}' if at else ''}")
        return None

    def _note_contradictions(self, trip: Trip) -> None:
        told = self.descriptor
        if told.route_id not in ("", trip.route_id):
            self.note("route_disagrees", f"{self.trip_id}: {told.route_id}")  # validator E035
        if told.schedule_relationship == TripDescriptor.UNSCHEDULED and not trip.frequencies:
            self.note("relationship_disagrees", f"{self.trip_id} is UNSCHEDULED, yet has times")

    # -- runs of the schedule --------------------------------------------------------------------

    def _run(self, trip: Trip) -> TripInstance | None:
        told, start = self.service_date, self.start
        if told is None:
            self.service_date = nearest_day(trip, start, self.update, self.timetable, self.now)
        elif is_calendar_date(trip, told, start, self.update, self.timetable):
            self.note("start_date_calendar", f"{self.trip_id} on {self.descriptor.start_date}")
            self.service_date, start = told - timedelta(1), None
        if start is not None and not trip.frequencies and start != self._departs(trip):
            self.note("start_time_disagrees", f"{self.trip_id} at {self.descriptor.start_time}")
        if self.service_date is None or not self.timetable.runs(trip, self.service_date):
            return self._not_running()
        if trip.frequencies:
            return self._frequency_run(trip, self.service_date)
        return TripInstance.scheduled(trip, self.service_date)

    def _departs(self, trip: Trip) -> int:
        return self.timetable.stop_time(trip, 0).departure

    def _frequency_run(self, trip: Trip, service_date: date) -> TripInstance | None:
        if self.start is None:
            self.note("start_time_missing", self.trip_id)  # rule 11
            return None
        shift = self.start - self._departs(trip)
        run = TripInstance.scheduled(trip, service_date, self.start, shift)
        if run.exact and not trip.starts_at(self.start):
            return self._not_running()
        return run

    def _by_start(self) -> TripInstance | None:
        """Without trip_id: route, direction, start time and date tell exactly one trip (rule 13)."""
        told = self.descriptor
        named = f"route {told.route_id or 'none'} at {told.start_time or 'no time'}"
        added = told.schedule_relationship in {*_ADDED, TripDescriptor.DUPLICATED}
        if not told.route_id or self.start is None or self.service_date is None or added:
            self.note("trip_id_missing", named)
            return None
        directions = (None, told.direction_id if told.HasField("direction_id") else None)
        found = [
            trip
            for trip in self.timetable.trips_by_start(told.route_id, self.start)
            if self.timetable.runs(trip, self.service_date)
            and (directions[1] is None or trip.direction_id in directions)
        ]
        if len(found) != 1:
            self.note("trip_ambiguous" if found else "trip_not_running", named)  # rule 14
            return None
        return TripInstance.scheduled(found[0], self.service_date)

    # -- runs that the schedule does not have ----------------------------------------------------

    def _unscheduled(self) -> TripInstance | None:
        if self.timetable.has_trip(self.trip_id):
            return self._not_running()
        self.note("trip_unscheduled", self.trip_id)
        if self.update.trip_properties.trip_id:
            return None  # a copy of a trip that does not exist
        return TripInstance.unscheduled(self.descriptor, self.service_date)

    def _added(self) -> TripInstance | None:
        told = self.descriptor
        copy = self.timetable.has_trip(self.trip_id)
        if copy and told.schedule_relationship == TripDescriptor.NEW:
            self.note("new_trip_is_scheduled", self.trip_id)  # validator E016
            return None
        if told.route_id and told.route_id not in self.timetable.routes:
            self.note("route_unknown", f"{self.trip_id}: {told.route_id}")  # validator E004
        start = self.start if copy else None
        return TripInstance.unscheduled(told, self.service_date, start_time=start, copy=copy)

    def _duplicate(self, trip: Trip) -> TripInstance | None:
        """A copy of `trip`, under an id of its own or, as older feeds have it, under the same."""
        if trip.frequencies:
            self.note("duplicate_of_frequencies", self.trip_id)
            return None
        if not self.update.trip_properties.trip_id.strip():
            return self._old_duplicate(trip)
        told = self.update.trip_properties
        begins, on = seconds(told.start_time), day(told.start_date)
        if begins is None or on is None:
            self.note("duplicate_incomplete", f"{self.trip_id} as {told.trip_id}")
        elif self.timetable.has_trip(told.trip_id.strip()):
            self.note("new_trip_is_scheduled", told.trip_id)
        elif self._is_absent(trip):
            self._not_running()
        else:
            copied = TripInstance.scheduled(trip, on, begins, begins - self._departs(trip))
            return replace(copied, trip_id=told.trip_id.strip())
        return None

    def _is_absent(self, trip: Trip) -> bool:
        """Whether the original does not run; of days that are not loaded that is not known."""
        absent = self.service_date in self.timetable.dates and not self._runs(trip)
        return absent or self.start not in (None, self._departs(trip))

    def _old_duplicate(self, trip: Trip) -> TripInstance | None:
        """Without trip_properties: another start is a copy, the trip's own start the trip itself.

        So Sound Transit means it in the captures of 2023: a train that takes over a run is
        DUPLICATED at that run's own start, and no other entity speaks of the run.
        """
        if self.service_date is None or not self._runs(trip):
            return self._not_running()
        departs = self._departs(trip)
        if self.start in (None, departs):
            return TripInstance.scheduled(trip, self.service_date)
        shift = (self.start or 0) - departs
        copied = TripInstance.scheduled(trip, self.service_date, self.start, shift)
        return replace(copied, copy=True)

    def _runs(self, trip: Trip) -> bool:
        return self.service_date is not None and self.timetable.runs(trip, self.service_date)


def _descriptor(update: TripUpdate) -> TripDescriptor:
    if not update.trip.HasField("modified_trip"):
        return update.trip
    modified = update.trip.modified_trip  # rule 17: then the other fields are empty
    return TripDescriptor(
        trip_id=modified.affected_trip_id,
        start_time=modified.start_time,
        start_date=modified.start_date,
    )
