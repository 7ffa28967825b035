"""What the model of docs/scale.md is fed with: figures that were measured, and named assumptions."""

from dataclasses import dataclass, field
from typing import Any, Literal

GB = 1e9
MONTH = 30.4 * 86400  # seconds


def figure(value: float, meaning: str, unit: Literal["s", "bytes", "dollars", ""] = "") -> Any:
    """A field whose meaning `--help` and the page tell."""
    return field(default=value, metadata={"meaning": meaning, "unit": unit})


@dataclass(frozen=True)
class Measured:
    """On one core of the machine of docs/performance.md. Seconds of CPU, and bytes."""

    gateway: float = figure(75e6, "of a gateway that nobody has connected to (sizing)", "bytes")
    stream: float = figure(8.3e3, "of an idle stream (performance)", "bytes")
    patch: float = figure(385, "of a busy platform's patch in gzip (0016)", "bytes")
    patch_plain: float = figure(1_039, "of the same through Redis (0016)", "bytes")
    beat: float = figure(100, "of a heartbeat (0016)", "bytes")
    kept: float = figure(
        531,
        "that a patch behind a board takes beside itself and its two gzip forms (costs)",
        "bytes",
    )
    delivery: float = figure(6.9e-6, "many streams of one stop (performance)", "s")
    # 21 µs for a delivery where ten streams follow a stop: what is above `delivery`, ten times.
    message: float = figure(
        (21.0e-6 - 6.9e-6) * 10, "of a gateway for a message, whoever gets it (performance)", "s"
    )
    connect: float = figure(
        168e-6, "of a gateway for a stream with its first board (performance)", "s"
    )
    compared: float = figure(8.2e-6, "of a gateway for a followed board's version (costs)", "s")
    looked: float = figure(22.5e-6, "of a gateway for a look at a feed's state (costs)", "s")
    renewed: float = figure(7e-6, "of a gateway to renew a caller's lease (costs)", "s")
    publication: float = figure(25e-6, "of Redis to store and publish a board's patch (0015)", "s")
    fan_out: float = figure(
        2.7e-6,
        "of Redis for each gateway that a message goes to, hardly any in one write (costs)",
        "s",
    )
    redis_compared: float = figure(1.3e-6, "of Redis for a followed board's version (costs)", "s")
    redis_looked: float = figure(2.3e-6, "of Redis for a look at a feed's state (costs)", "s")
    redis_renewed: float = figure(8e-6, "of Redis to renew a caller's lease (costs)", "s")
    clustered: float = figure(
        2.0, "times a publication or lease costs in a Cluster, where no two share a script (costs)"
    )
    caller: float = figure(144, "of a caller's limits in Redis (costs)", "bytes")
    feed: float = figure(783, "of a feed's state (costs)", "bytes")
    redis_board: float = figure(400, "of a board in Redis beside its content (sizing)", "bytes")
    board_poll: float = figure(
        431e-3 / 3202, "of an ingester for a board that a poll changes (0014)", "s"
    )
    stop_time: float = figure(
        501e6 / 2.6e6, "of an ingester for a row of stop_times and what hangs on it (0014)", "bytes"
    )
    row: float = figure(67, "in Postgres for a row of stop_times (sizing)", "bytes")
    stop: float = figure(750, "in Postgres to search a stop (0028)", "bytes")
    # Five kinds of questions of both tables in 0028, their p50: 2.6 ms in one schedule, 5.9 in 25.
    search: float = figure(2.6e-3, "of Postgres for a question of one schedule (0028)", "s")
    search_feed: float = figure(0.14e-3, "more for each further schedule (0028)", "s")
    nginx: float = figure(18e3, "of nginx for a stream (sizing)", "bytes")


@dataclass(frozen=True)
class Assumed:
    """Nobody measured these; prices are rounded list prices of November 2026, a month."""

    max_streams: int = figure(20_000, "streams of a gateway: STOPCAST_MAX_STREAMS")
    tail_patches: int = figure(100, "STOPCAST_TAIL_PATCHES")
    tail_bytes: int = figure(65_536, "STOPCAST_TAIL_BYTES")
    heartbeat: float = figure(15, "STOPCAST_HEARTBEAT", "s")
    sweep: float = figure(30, "STOPCAST_SWEEP", "s")
    feed_poll: float = figure(2, "STOPCAST_FEED_POLL", "s")
    stream_lease: float = figure(30, "STOPCAST_STREAM_LEASE; renewed three times in it", "s")
    callers: float = figure(
        1, "callers for a stream: 1 where phones have addresses or tokens of their own, 2 with both"
    )
    popularity: float = figure(
        0.8, "of stops: the nth has 1/n^popularity as many riders as the first"
    )
    tail: float = figure(
        0.55, "of its bound, what a tail has on average: it grows from Redis's to the bound"
    )
    packet: float = figure(95, "of TLS, TCP and IP around an event, and to acknowledge it", "bytes")
    stay: float = figure(3600, "that a stream is open", "s")
    asks: float = figure(1, "searches for each stream that is opened")
    searched: int = figure(
        100, "feeds in one Postgres; of so many a search takes 16 ms in the median"
    )
    day: float = figure(0.35, "riders on average, of those at the busiest hour")
    busy: float = figure(0.5, "share of a core, and of memory, that is planned with")
    buffer: float = figure(32e6, "of Redis's output for each gateway, at most", "bytes")
    cached: float = figure(0.25, "of what Postgres stores, what it has in memory")
    shard: float = figure(16 * GB, "of memory of a Redis", "bytes")
    ingester: float = figure(8 * GB, "of memory of an ingester", "bytes")
    balanced: int = figure(100_000, "streams of one nginx")
    core: float = figure(20.0, "for a core", "dollars")
    gigabyte: float = figure(3.5, "for a GB of memory", "dollars")
    disk: float = figure(0.15, "for a GB of disk", "dollars")
    egress: float = figure(0.02, "for a GB to riders; 0.005 to 0.09 is what is asked", "dollars")
