"""What a board says, as it stands in JSON (docs/protocol.md).

Plain dictionaries described by types: a board is built, compared, encoded and patched thousands of
times a second, and never needs behaviour. Absent means unknown or not applicable; `null` appears
only in a patch. All times are POSIX seconds.
"""

from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

ArrivalStatus = Literal["canceled", "skipped", "departed", "no_data", "predicted", "scheduled"]
FeedStatus = Literal["live", "stale", "down"]
Boarding = Literal["none", "phone_agency", "coordinate_with_driver"]


class Vehicle(TypedDict, total=False):
    """The vehicle of a trip, while it is near."""

    id: str
    label: str
    lat: float
    lon: float
    bearing: float
    status: str
    timestamp: int
    occupancy: str
    carriages: list[dict[str, Any]]


class Arrival(TypedDict):
    """One trip at one stop. Sorted by clients: departure, else arrival, else as scheduled."""

    trip_id: NotRequired[str]
    service_date: NotRequired[str]
    start_time: NotRequired[str]
    route_id: NotRequired[str]
    direction_id: NotRequired[int]
    headsign: NotRequired[str]
    trip_short_name: NotRequired[str]
    stop_sequence: NotRequired[int]
    stop_id: NotRequired[str]
    scheduled_arrival: NotRequired[int]
    scheduled_departure: NotRequired[int]
    arrival: NotRequired[int]
    departure: NotRequired[int]
    delay: NotRequired[int]
    status: ArrivalStatus
    added: NotRequired[bool]
    first: NotRequired[bool]
    last: NotRequired[bool]
    pickup: NotRequired[Boarding]
    drop_off: NotRequired[Boarding]
    uncertainty: NotRequired[int]
    headway: NotRequired[int]
    start: NotRequired[int]
    end: NotRequired[int]
    wheelchair_accessible: NotRequired[bool]
    stops_away: NotRequired[int]
    vehicle: NotRequired[Vehicle]
    occupancy: NotRequired[str]
    bikes_allowed: NotRequired[bool]
    platform_code: NotRequired[str]
    alerts: NotRequired[list[str]]


def effective_time(arrival: Arrival) -> int | None:
    """What decides window and order: departure, else arrival, else as scheduled."""
    for event in ("departure", "arrival", "scheduled_departure", "scheduled_arrival"):
        moment = arrival.get(event)
        if isinstance(moment, int):
            return moment
    return None


class StopSummary(TypedDict, total=False):
    """The stop that a board belongs to. `timezone` is always set."""

    name: str
    code: str
    location_type: int
    platform_code: str
    parent_id: str
    lat: float
    lon: float
    timezone: str
    wheelchair_boarding: int


class RouteSummary(TypedDict, total=False):
    """A route in use on a board; `type` is GTFS's integer."""

    short_name: str
    long_name: str
    color: str
    text_color: str
    type: int
    agency_id: str


class Alert(TypedDict, total=False):
    """Texts by language ("" is unmarked): all clients of a stop share the same bytes."""

    header: dict[str, str]
    description: dict[str, str]
    url: dict[str, str]
    cause: str
    effect: str
    severity: str
    active_periods: list[list[int | None]]
    routes: list[str]


class Board(TypedDict):
    """All arrivals and alerts of one stop at one version."""

    stop_id: str
    version: int
    stop: StopSummary
    routes: dict[str, RouteSummary]
    arrivals: dict[str, Arrival]
    alerts: dict[str, Alert]


class StopId(NamedTuple):
    """A global stop id, `<feed id>:<GTFS stop_id>`, split at the first colon."""

    feed_id: str
    stop_id: str

    @classmethod
    def parse(cls, text: str) -> "StopId":
        """Split a global stop id.

        Raises:
            ValueError: there is no colon, or nothing before or after it.
        """
        feed_id, colon, stop_id = text.partition(":")
        if not (feed_id and colon and stop_id):
            raise ValueError(f"{text!r} is no stop id: expected <feed>:<GTFS stop_id>")
        return cls(feed_id, stop_id)

    def __str__(self) -> str:
        return f"{self.feed_id}:{self.stop_id}"
