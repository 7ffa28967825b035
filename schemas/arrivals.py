"""What a board says, as it stands in JSON (docs/protocol.md).

Plain dictionaries described by types: a board is built, compared, encoded and patched thousands of
times a second, and never needs behaviour. Absent means unknown or not applicable; `null` appears
only in a patch. All times are POSIX seconds.

JSON Schema is made of these types, and their docstrings are what it says (gateway/api).
"""

from typing import Literal, NamedTuple, NotRequired, Required

# The standard library's is opaque to pydantic before Python 3.12.
from typing_extensions import TypedDict

ArrivalStatus = Literal["canceled", "skipped", "departed", "no_data", "predicted", "scheduled"]
FeedStatus = Literal["live", "stale", "down"]
Boarding = Literal["none", "phone_agency", "coordinate_with_driver"]


class Carriage(TypedDict, total=False):
    """One carriage of a vehicle, in the order in which they run."""

    id: str
    label: str
    """What riders see on it."""
    occupancy: str
    """GTFS-Realtime OccupancyStatus in lower case, like `few_seats_available`."""
    occupancy_percentage: int
    carriage_sequence: int
    """Its place in the direction of travel; the first is 1."""


class Vehicle(TypedDict, total=False):
    """The vehicle of a trip, while it is near.

    Its position comes along with another change of the call, never by itself. Where `stops_away`
    is 0, a new `status` is such a change.
    """

    id: str
    label: str
    """What riders see on it."""
    lat: float
    """Degrees north, WGS 84."""
    lon: float
    """Degrees east, WGS 84."""
    bearing: float
    """Degrees clockwise from true north."""
    status: str
    """`incoming_at`, `stopped_at` or `in_transit_to`."""
    timestamp: int
    """When it was so: POSIX seconds."""
    occupancy: str
    """GTFS-Realtime OccupancyStatus in lower case, like `many_seats_available`."""
    carriages: list[Carriage]


class Arrival(TypedDict):
    """One trip at one stop.

    Its effective time is the departure, else the arrival, else as scheduled: sort by it.
    """

    trip_id: NotRequired[str]
    """As in GTFS, or of a trip that only realtime has."""
    service_date: NotRequired[str]
    """`YYYYMMDD`: the service day, which may end after midnight."""
    start_time: NotRequired[str]
    """`HH:MM:SS`, for frequency trips and added copies."""
    route_id: NotRequired[str]
    """A key of the board's `routes`."""
    direction_id: NotRequired[int]
    """0 or 1, as in GTFS."""
    headsign: NotRequired[str]
    """`stop_headsign`, else `trip_headsign`, else the name of the last stop."""
    trip_short_name: NotRequired[str]
    """A train number, mostly."""
    stop_sequence: NotRequired[int]
    stop_id: NotRequired[str]
    """Where the call's platform is not the board's own stop."""
    scheduled_arrival: NotRequired[int]
    """POSIX seconds; absent for added trips without one, and where the trip begins."""
    scheduled_departure: NotRequired[int]
    """POSIX seconds; absent for added trips without one, and where the trip ends."""
    arrival: NotRequired[int]
    """Predicted, POSIX seconds. Absent means no realtime, never "on time"."""
    departure: NotRequired[int]
    """Predicted, POSIX seconds. Absent means no realtime, never "on time"."""
    delay: NotRequired[int]
    """Seconds, predicted minus scheduled, of the departure, else of the arrival."""
    status: ArrivalStatus
    """The first that holds. Canceled and skipped calls carry no predictions."""
    added: NotRequired[bool]
    """`true` for trips that the schedule does not have."""
    first: NotRequired[bool]
    """`true` where the trip begins."""
    last: NotRequired[bool]
    """`true` where the trip ends: riders do not board there."""
    pickup: NotRequired[Boarding]
    """Where not regular."""
    drop_off: NotRequired[Boarding]
    """Where not regular."""
    uncertainty: NotRequired[int]
    """Seconds, as the feed gives it."""
    headway: NotRequired[int]
    """Seconds between vehicles, for frequency trips without exact times. Such an arrival has no
    times of its own: sort it by `start`."""
    start: NotRequired[int]
    """With `headway`: when that period begins at this stop, POSIX seconds."""
    end: NotRequired[int]
    """With `headway`: when that period ends at this stop, POSIX seconds."""
    wheelchair_accessible: NotRequired[bool]
    stops_away: NotRequired[int]
    """Stops that the vehicle still makes before this one; 0: it is here or comes here next. Told up
    to 5, while the vehicle was seen in the last 90 seconds."""
    vehicle: NotRequired[Vehicle]
    """With `stops_away`."""
    occupancy: NotRequired[str]
    """At departure, as the feed predicts it for this stop; else, with `stops_away`, the vehicle's."""
    bikes_allowed: NotRequired[bool]
    platform_code: NotRequired[str]
    """The platform as riders know it, like `4` or `B`."""
    alerts: NotRequired[list[str]]
    """Keys of the board's `alerts` that are about this trip or its route."""


def effective_time(arrival: Arrival) -> int | None:
    """What decides window and order: departure, else arrival, else as scheduled."""
    for event in ("departure", "arrival", "scheduled_departure", "scheduled_arrival"):
        moment = arrival.get(event)
        if isinstance(moment, int):
            return moment
    return None


class StopSummary(TypedDict, total=False):
    """The stop that a board belongs to."""

    name: str
    code: str
    """What riders know it by, like a number on the pole."""
    location_type: int
    """0: a stop or platform; 1: a station, whose board unites its platforms."""
    platform_code: str
    parent_id: str
    """The station that it is a part of: a stop id of this API."""
    lat: float
    """Degrees north, WGS 84."""
    lon: float
    """Degrees east, WGS 84."""
    timezone: Required[str]
    """IANA name: the stop's, its station's or the agency's."""
    wheelchair_boarding: int
    """As in GTFS: 0 unknown, 1 possible, 2 not."""


class RouteSummary(TypedDict, total=False):
    """A route in use on a board."""

    short_name: str
    long_name: str
    color: str
    """Six hexadecimal digits, without `#`."""
    text_color: str
    """Six hexadecimal digits, without `#`."""
    type: int
    """GTFS's integer: 0 tram, 1 metro, 2 rail, 3 bus, 4 ferry and so on."""
    agency_id: str


class Alert(TypedDict, total=False):
    """What riders should know.

    Texts are by language as the feed names it (the empty key is unmarked); the client chooses,
    since all clients of a stop share the same bytes.
    """

    header: dict[str, str]
    description: dict[str, str]
    url: dict[str, str]
    cause: str
    """GTFS-Realtime Cause in lower case, like `construction`."""
    effect: str
    """GTFS-Realtime Effect in lower case, like `stop_moved`."""
    severity: str
    """`info`, `warning` or `severe`."""
    active_periods: list[list[int | None]]
    """The next ten `[from, until]` that are not over, POSIX seconds; `null` at an end means open.
    Absent: always."""
    routes: list[str]
    """The routes that it names, or whose trips it names."""


class Board(TypedDict):
    """All arrivals and alerts of one stop at one version.

    The first 100 calls between 2 minutes ago and 2 hours ahead.
    """

    stop_id: str
    """`<feed>:<GTFS stop_id>`."""
    version: int
    """Grows with every change; the event id; the `ETag` is made of it."""
    stop: StopSummary
    routes: dict[str, RouteSummary]
    """By id, `<feed>:<route_id>`: those in use."""
    arrivals: dict[str, Arrival]
    """By an opaque key that stays the same for the life of the call."""
    alerts: dict[str, Alert]
    """By an opaque id."""


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
