"""Which run of which trip a TripUpdate speaks of (SPEC rules 10 to 16)."""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Self

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from feeds.realtime.decode import Note
from feeds.timetable.entities import Trip
from feeds.timetable.timetable import Timetable

_START_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)")
_KEY_BYTES = 6  # 48 bits: one chance in a billion that two of 750 trips at one stop share a key

# Read against the schedule; the others need rules of their own, which are not written yet.
SCHEDULED = frozenset({TripDescriptor.SCHEDULED, TripDescriptor.CANCELED, TripDescriptor.DELETED})
ADDED = frozenset({TripDescriptor.ADDED, TripDescriptor.NEW})


@dataclass(frozen=True, slots=True)
class TripInstance:
    """One run of a trip on one service day; `trip` is None where the schedule has no such trip.

    `start_time` (seconds after noon minus 12 h) tells the runs of a frequency trip apart. `shift`
    are the seconds that its scheduled times are to be moved by. `copy`: an added trip under the id
    of a scheduled one.
    """

    trip_id: str
    service_date: date | None
    start_time: int | None
    trip: Trip | None
    route_id: str
    direction_id: int | None = None
    shift: int = 0
    copy: bool = False

    @classmethod
    def scheduled(
        cls, trip: Trip, service_date: date, start_time: int | None = None, shift: int = 0
    ) -> Self:
        """A run that the schedule has."""
        return cls(
            trip.trip_id,
            service_date,
            start_time,
            trip,
            trip.route_id,
            trip.direction_id,
            shift,
        )

    @classmethod
    def unscheduled(
        cls, descriptor: TripDescriptor, service_date: date | None, *, copy: bool = False
    ) -> Self:
        """A run that only realtime has."""
        return cls(
            descriptor.trip_id.strip(),
            service_date,
            None,
            None,
            descriptor.route_id,
            descriptor.direction_id if descriptor.HasField("direction_id") else None,
            copy=copy,
        )

    def key(self, feed_id: str) -> str:
        """The part of its arrivals' keys that all of them share: short, since patches repeat it."""
        day = "" if self.service_date is None else f"{self.service_date:%Y%m%d}"
        start = "" if self.start_time is None else str(self.start_time)
        text = "\0".join((feed_id, self.trip_id, day, start, "+" if self.copy else ""))
        digest = blake2b(text.encode(), digest_size=_KEY_BYTES).digest()
        return urlsafe_b64encode(digest).decode()


def match(update: TripUpdate, timetable: Timetable, now: float, note: Note) -> TripInstance | None:
    """The instance that `update` is about; None, noted, where it tells none or a wrong one."""
    descriptor = update.trip
    trip_id = descriptor.trip_id.strip()
    if not trip_id:
        note("trip_id_missing", descriptor.route_id or "no trip_id, no route_id")
        return None
    relationship = descriptor.schedule_relationship
    service_date = _service_date(descriptor, note)
    trip = timetable.trips.get(trip_id)
    if relationship == TripDescriptor.NEW and trip is not None:
        note("new_trip_is_scheduled", trip_id)  # validator E016
        return None
    if relationship not in SCHEDULED | ADDED:
        note("relationship_unsupported", f"{trip_id}: {relationship}")
        return None
    if relationship in ADDED:
        return TripInstance.unscheduled(descriptor, service_date, copy=trip is not None)
    if trip is None:
        note("trip_unscheduled", trip_id)
        return TripInstance.unscheduled(descriptor, service_date)
    day = service_date or _nearest_day(trip, update, timetable, now)
    return _run(trip, day, descriptor, timetable, note)


def _run(
    trip: Trip,
    service_date: date | None,
    descriptor: TripDescriptor,
    timetable: Timetable,
    note: Note,
) -> TripInstance | None:
    if service_date is None or not timetable.runs(trip, service_date):
        note(
            "trip_not_running", f"{trip.trip_id} on {descriptor.start_date or 'any day around now'}"
        )
        return None
    if not trip.frequencies:
        return TripInstance.scheduled(trip, service_date)
    start = seconds(descriptor.start_time)
    if start is None:
        note("start_time_missing", trip.trip_id)  # rule 11
        return None
    shift = start - timetable.stop_time(trip, 0).departure
    return TripInstance.scheduled(trip, service_date, start, shift)


def _service_date(descriptor: TripDescriptor, note: Note) -> date | None:
    text = descriptor.start_date
    if not text:
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        note("start_date_malformed", text)
        return None


def _nearest_day(trip: Trip, update: TripUpdate, timetable: Timetable, now: float) -> date | None:
    """The running day on which the trip is nearest to what the update speaks of (rule 10)."""
    moment = _first_time(update) or now
    begin, end = (
        timetable.stop_time(trip, 0).departure,
        timetable.stop_time(trip, trip.last - trip.first - 1).arrival,
    )

    def distance(day: date) -> float:
        zero = timetable.midnight(day)
        return max(zero + begin - moment, moment - zero - end, 0)

    return min((d for d in timetable.dates if timetable.runs(trip, d)), key=distance, default=None)


def _first_time(update: TripUpdate) -> int:
    for stop_time in update.stop_time_update:
        if moment := stop_time.departure.time or stop_time.arrival.time:
            return moment
    return 0


def seconds(text: str) -> int | None:
    """Seconds after noon minus 12 h of a GTFS time, HH:MM:SS; None where it is none."""
    found = _START_TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, rest = map(int, found.groups())
    return int(timedelta(hours=hours, minutes=minutes, seconds=rest).total_seconds())
