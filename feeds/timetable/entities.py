"""The entities of a GTFS schedule, as the timetable hands them out. Absent fields are None."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Agency:
    """A row of agency.txt."""

    agency_id: str | None
    name: str
    url: str
    timezone: str
    lang: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """A row of attributions.txt: who is to be named for this data."""

    organization_name: str
    is_producer: bool
    is_operator: bool
    is_authority: bool
    url: str | None
    email: str | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """A row of stops.txt: platform (location_type 0), station (1), entrance (2) and so on.

    An empty location_type is 0; `lat` and `lon` are WGS 84 degrees.
    """

    stop_id: str
    name: str | None
    code: str | None
    location_type: int
    platform_code: str | None
    parent_station: str | None
    lat: float | None
    lon: float | None
    timezone: str | None
    wheelchair_boarding: int | None


@dataclass(frozen=True, slots=True)
class Route:
    """A row of routes.txt; `type` is GTFS's integer, the colours are six hexadecimal digits."""

    route_id: str
    agency_id: str | None
    short_name: str | None
    long_name: str | None
    color: str | None
    text_color: str | None
    type: int


class Frequency(NamedTuple):
    """A row of frequencies.txt; times in seconds after noon minus 12 h, `end` exclusive."""

    start: int
    end: int
    headway: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Trip:
    """A row of trips.txt, and where its stop_times lie: rows `first` up to and without `last`.

    `service` is the timetable's own number for the service_id.
    """

    trip_id: str
    route_id: str
    headsign: str | None
    short_name: str | None
    direction_id: int | None
    wheelchair_accessible: int | None
    bikes_allowed: int | None
    service: int
    first: int
    last: int
    frequencies: tuple[Frequency, ...] = ()

    @property
    def length(self) -> int:
        """How many stop_times it has."""
        return self.last - self.first

    def starts_at(self, start_time: int) -> bool:
        """Whether a frequency trip has a run with exact times that starts then."""
        return any(
            period.exact and start_time in range(period.start, period.end, period.headway)
            for period in self.frequencies
        )


class StopTime(NamedTuple):
    """A row of stop_times.txt; times in seconds after noon minus 12 h, types GTFS's integers."""

    stop_sequence: int
    stop_id: str
    arrival: int
    departure: int
    headsign: str | None
    pickup_type: int
    drop_off_type: int


class ScheduledHeadway(NamedTuple):
    """A frequency trip without exact times at one stop on one service day.

    From `start` until `end` (POSIX seconds, at this stop) a vehicle calls every `headway` seconds.
    """

    stop_id: str
    trip: Trip
    service_date: date
    position: int
    headway: int
    start: int
    end: int


class ScheduledCall(NamedTuple):
    """One trip at one stop on one service day.

    `position` is that in the trip's stop_times. A run of a frequency trip has its
    `start_time` (seconds after noon minus 12 h) and `shift`, the seconds to add to the times of
    its stop_times; any other call has None and 0. `time` is the effective POSIX time: that of the
    departure, at the last stop that of the arrival.
    """

    trip: Trip
    service_date: date
    start_time: int | None
    position: int
    shift: int
    time: int
