"""What Stopcast reads of a GTFS schedule: files, fields, and what a value must look like.

From the GTFS reference. Fields that are not here are not read; what else the reference forbids but
does no harm to a board (a colour in lower case, a stop without a name) is let through.
"""

from dataclasses import dataclass
from enum import Enum
from math import inf

WHOLE = (0, inf)
FLAG = (0, 1)


class Kind(Enum):
    """How a field is written, and what a reader is told if it is not."""

    TEXT = "is no text"
    INTEGER = "is no integer"
    NUMBER = "is no number"
    TIME = "is no time: H:MM:SS is expected, hours may exceed 24"
    DATE = "is no date: YYYYMMDD is expected"


class Presence(Enum):
    """What must be there: nothing, the column, or a value in every row."""

    OPTIONAL = 0
    COLUMN = 1
    VALUE = 2


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `between` (inclusive) bounds numbers; an empty value becomes `default`.

    A value of a `hint` that cannot be read does no harm to times and places: it is taken as empty
    and counted, while any other makes the import fail.
    """

    name: str
    kind: Kind = Kind.TEXT
    presence: Presence = Presence.OPTIONAL
    between: tuple[float, float] | None = None
    default: int | None = None
    hint: bool = False

    @property
    def reason(self) -> str:
        """What is wrong with a value that cannot be read."""
        if self.between is None:
            return self.kind.value
        low, high = self.between
        return f"{self.kind.value} " + (
            f"of {low:g} or more" if high == inf else f"from {low:g} to {high:g}"
        )


@dataclass(frozen=True, slots=True)
class File:
    """One file. `key` must be unique; a file with `rows` must be there and have some."""

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    rows: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)


def _id(name: str) -> Field:
    return Field(name, presence=Presence.VALUE)


def _hint(name: str, largest: float, default: int | None = None) -> Field:
    return Field(name, Kind.INTEGER, between=(0, largest), default=default, hint=True)


def _must(name: str, kind: Kind, between: tuple[float, float] | None = None) -> Field:
    return Field(name, kind, Presence.VALUE, between)


AGENCY = File(
    "agency.txt",
    (
        Field("agency_id"),
        _id("agency_name"),
        Field("agency_url"),
        _id("agency_timezone"),
        Field("agency_lang"),
        Field("agency_phone"),
    ),
    key=("agency_id",),
    rows=True,
)
STOPS = File(
    "stops.txt",
    (
        _id("stop_id"),
        Field("stop_code"),
        Field("stop_name"),
        Field("stop_desc"),
        Field("stop_lat", Kind.NUMBER, between=(-90, 90)),
        Field("stop_lon", Kind.NUMBER, between=(-180, 180)),
        Field("location_type", Kind.INTEGER, between=(0, 4), default=0),
        Field("parent_station"),
        Field("platform_code"),
        Field("stop_timezone"),
        _hint("wheelchair_boarding", 2),
    ),
    key=("stop_id",),
    rows=True,
)
ROUTES = File(
    "routes.txt",
    (
        _id("route_id"),
        Field("agency_id"),
        Field("route_short_name"),
        Field("route_long_name"),
        Field("route_desc"),
        _hint("route_type", inf, default=3),  # a bus, as most are
        Field("route_color"),
        Field("route_text_color"),
        _hint("route_sort_order", inf),
    ),
    key=("route_id",),
    rows=True,
)
TRIPS = File(
    "trips.txt",
    (
        _id("trip_id"),
        _id("route_id"),
        _id("service_id"),
        Field("trip_headsign"),
        Field("trip_short_name"),
        _hint("direction_id", 1),
        Field("block_id"),
        _hint("wheelchair_accessible", 2),
        _hint("bikes_allowed", 2),
    ),
    key=("trip_id",),
    rows=True,
)
STOP_TIMES = File(
    "stop_times.txt",
    (
        _id("trip_id"),
        Field("stop_id", presence=Presence.COLUMN),  # empty in rows for on-demand zones
        _must("stop_sequence", Kind.INTEGER, WHOLE),
        Field("arrival_time", Kind.TIME, Presence.COLUMN),
        Field("departure_time", Kind.TIME, Presence.COLUMN),
        Field("stop_headsign"),
        _hint("pickup_type", 3, default=0),
        _hint("drop_off_type", 3, default=0),
        Field("shape_dist_traveled", Kind.NUMBER, between=(0, 1e12), hint=True),
        Field("location_group_id"),
        Field("location_id"),
        Field("start_pickup_drop_off_window"),
    ),
    key=("trip_id", "stop_sequence"),
    rows=True,
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CALENDAR = File(
    "calendar.txt",
    (
        _id("service_id"),
        *(_must(day, Kind.INTEGER, FLAG) for day in WEEKDAYS),
        _must("start_date", Kind.DATE),
        _must("end_date", Kind.DATE),
    ),
    key=("service_id",),
)
CALENDAR_DATES = File(
    "calendar_dates.txt",
    (
        _id("service_id"),
        _must("date", Kind.DATE),
        _must("exception_type", Kind.INTEGER, (1, 2)),
    ),
    key=("service_id", "date"),
)
FREQUENCIES = File(
    "frequencies.txt",
    (
        _id("trip_id"),
        _must("start_time", Kind.TIME),
        _must("end_time", Kind.TIME),
        _must("headway_secs", Kind.INTEGER, (1, inf)),
        Field("exact_times", Kind.INTEGER, between=FLAG, default=0),
    ),
    key=("trip_id", "start_time"),
)
FEED_INFO = File(
    "feed_info.txt",
    (
        Field("feed_publisher_name"),
        Field("feed_publisher_url"),
        Field("feed_lang"),
        Field("feed_version"),
        Field("feed_start_date", Kind.DATE, hint=True),
        Field("feed_end_date", Kind.DATE, hint=True),
    ),
)
ATTRIBUTIONS = File(
    "attributions.txt",
    (
        _id("organization_name"),
        *(_hint(role, 1, default=0) for role in ("is_producer", "is_operator", "is_authority")),
        Field("attribution_url"),
        Field("attribution_email"),
        Field("attribution_phone"),
    ),
)
FILES = (
    AGENCY,
    STOPS,
    ROUTES,
    TRIPS,
    CALENDAR,
    CALENDAR_DATES,
    FREQUENCIES,
    FEED_INFO,
    ATTRIBUTIONS,
    STOP_TIMES,
)
"""All of them, the biggest last."""
