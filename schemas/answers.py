"""What plain requests answer, beside the board (docs/protocol.md, "Plain requests").

JSON Schema is made of these types, and their docstrings are what it says (gateway/api).
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from schemas.arrivals import FeedStatus, RouteSummary, StopSummary
from schemas.events import FeedFacts

Fate = Literal["refused", "dropped", "repaired", "unmatched", "late", "out_of_order"]


class Platform(TypedDict):
    """A platform of a station; it has a board of its own, too."""

    stop_id: str
    name: NotRequired[str]
    code: NotRequired[str]
    """What riders know it by, like a number on the pole."""
    platform_code: NotRequired[str]
    """As riders know it, like `4` or `B`."""
    lat: NotRequired[float]
    """Degrees north, WGS 84."""
    lon: NotRequired[float]
    """Degrees east, WGS 84."""
    wheelchair_boarding: NotRequired[int]
    """As in GTFS: 0 unknown, 1 possible, 2 not."""


class FoundStop(StopSummary):
    """A station, or a stop that is part of none. What fits a platform finds its station."""

    stop_id: str
    platforms: NotRequired[list[Platform]]
    """Of a station, by `platform_code`."""
    distance: NotRequired[int]
    """Metres from the place that was asked for; only in a search nearby."""


class StopPage(TypedDict):
    """A page of stops.

    Nearest first; else, of what was typed, an exact code, an exact name, a name that begins so, words
    that do, and at last what only has it inside of words or with a typo. Of equal ones stations
    first, then those of most routes, then by name; of a schedule with more than 2048, so many of the
    first in that order before the others.
    """

    stops: list[FoundStop]
    next: NotRequired[str]
    """The `cursor` of the page after this one. Absent: there is none."""


class StopDetails(StopSummary):
    """A stop, and the routes that call at it or its platforms."""

    stop_id: str
    platforms: NotRequired[list[Platform]]
    """Of a station, by `platform_code`."""
    routes: dict[str, RouteSummary]
    """By id, `<feed>:<route_id>`."""


class Finding(TypedDict):
    """One kind of what was wrong in a feed, since its ingester began."""

    count: int
    fate: Fate
    """What became of it."""
    example: str
    """The last one."""


class EndpointReport(TypedDict):
    """How one of a feed's endpoints is."""

    url: str
    """Without what is secret in it."""
    status: FeedStatus
    kinds: NotRequired[list[str]]
    """What it has told of so far, by GTFS-Realtime's names: `trip_update`, `vehicle`, `alert`, …"""
    interval: float
    """Seconds between polls."""
    polls: int
    failures: int
    messages: NotRequired[int]
    """Messages that were decoded: a poll may bring nothing new."""
    fetch_seconds: NotRequired[float]
    """What its polls took together, in waiting for it."""
    decode_seconds: NotRequired[float]
    """What its messages took together, to be decoded and matched with the schedule."""
    success_rate: NotRequired[float]
    """0 to 1; absent before the first poll."""
    timestamp: NotRequired[int]
    """Its data time, POSIX seconds."""
    last_success: NotRequired[int]
    """POSIX seconds."""
    last_error: NotRequired[str]
    quality: dict[str, Finding]
    """What was wrong in its messages, by kind."""


class PublishingReport(TypedDict):
    """What the feed's ingester has published since it began to own it."""

    boards: int
    """Changed boards."""
    seconds: float
    """What making and writing them took together."""


class AgencyReport(TypedDict):
    """An agency of the feed's schedule."""

    agency_id: NotRequired[str]
    name: str
    url: str
    timezone: str
    """IANA name."""
    lang: NotRequired[str]
    phone: NotRequired[str]


class AttributionReport(TypedDict):
    """Who is to be named for the data."""

    organization_name: str
    is_producer: bool
    is_operator: bool
    is_authority: bool
    url: NotRequired[str]
    email: NotRequired[str]
    phone: NotRequired[str]


class ScheduleReport(TypedDict):
    """The schedule that is active, and the service days that are looked at now."""

    version: int
    feed_version: NotRequired[str]
    """As the agency names it."""
    stops: int
    routes: int
    trips: int
    first_day: str
    """`YYYY-MM-DD`."""
    last_day: str
    """`YYYY-MM-DD`."""


class FeedReport(FeedFacts):
    """A feed: how it is, whose data it is, and what was wrong with it."""

    feed_id: str
    age: NotRequired[int]
    """Seconds since its data time, by the board clock; absent before there is any data."""
    complete: bool
    """Whether all its boards are there."""
    endpoints: NotRequired[list[EndpointReport]]
    quality: NotRequired[dict[str, Finding]]
    """What was wrong with the feed, by kind."""
    publishing: NotRequired[PublishingReport]
    agencies: NotRequired[list[AgencyReport]]
    attributions: NotRequired[list[AttributionReport]]
    schedule: NotRequired[ScheduleReport]


class FeedList(TypedDict):
    """All feeds, by id."""

    feeds: list[FeedReport]


class Health(TypedDict):
    """A process that answers, or is able to serve."""

    status: Literal["alive", "ready"]


class GatewayStatus(TypedDict):
    """A gateway, over all its workers: what is open now, and what was counted since they started."""

    gateway: str
    """Random, the same while it runs: counts of two gateways behind one address are no series."""
    streams: int
    """Open now."""
    stops: int
    """Followed now."""
    opened: int
    """Streams."""
    messages: int
    """Changes that came for a followed stop."""
    deliveries: int
    """Events that streams were handed by these."""


class ProblemDetails(TypedDict):
    """What went wrong (RFC 9457)."""

    type: str
    """Always `about:blank`."""
    title: str
    """The phrase of the status."""
    status: int
    """The HTTP status."""
    detail: str
    """For people."""
    code: str
    """For programs."""
    request_id: str
    """Also in `X-Request-ID`, and in the server's log."""


class AccountTokens(TypedDict):
    """What signing in, and refreshing, give."""

    access_token: str
    """For `Authorization: Bearer`; opens what this deployment's tokens open."""
    token_type: Literal["Bearer"]
    expires_in: int
    """Seconds from now."""
    scope: str
    refresh_token: str
    """Gives the next of both, once. Keep it where the system keeps secrets."""
    refresh_expires_in: int


class KeySet(TypedDict):
    """The public keys of our access tokens: a JWK Set (RFC 7517)."""

    keys: list[dict[str, str]]
