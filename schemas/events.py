"""What the events of a stream say, beside the board (docs/protocol.md, "Streams").

JSON Schema is made of these types, and their docstrings are what it says (gateway/api).
"""

from typing import Literal

from typing_extensions import TypedDict

from schemas.arrivals import FeedStatus

GoodbyeReason = Literal[
    "draining", "lifetime", "token_expired", "overloaded", "rate_limited", "unavailable"
]


class FeedFacts(TypedDict):
    """How a feed is."""

    status: FeedStatus
    """`stale`: the data is old. `down`: nobody could read the feed for long."""
    timestamp: int
    """The feed's own data time, POSIX seconds; 0 before there is any."""
    now: int
    """The board clock, POSIX seconds: count down against it, not against the device's clock."""


class FeedNews(FeedFacts):
    """Data of `feed`: how a feed is now."""

    feed_id: str


class Heartbeat(TypedDict):
    """Data of `heartbeat`: all feeds of the stream."""

    feeds: dict[str, FeedFacts]
    """By feed id."""


class Gone(TypedDict):
    """Data of `gone`: there is no such stop any more, or there never was."""

    stop_id: str


class Goodbye(TypedDict):
    """Data of `goodbye`: why the stream ends. Come back after the `retry` before it."""

    reason: GoodbyeReason
    """`draining`: another gateway takes over. `lifetime`: reconnect as before. `token_expired`:
    come with a new token. `overloaded`: too many streams, or too many that begin at once.
    `rate_limited`: too many of yours. `unavailable`: boards are not there yet."""
