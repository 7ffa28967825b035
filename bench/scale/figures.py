"""What the model of docs/scale.md is fed with: figures that were measured, and named assumptions."""

from dataclasses import dataclass

GB = 1e9
MONTH = 30.4 * 86400  # seconds


@dataclass(frozen=True)
class Measured:
    """On one core of the machine of docs/performance.md. Seconds of CPU, and bytes."""

    stream: float = 10.0e3  # idle, at a gateway (docs/performance.md)
    delivery: float = 7.2e-6  # many streams of one stop (docs/performance.md)
    # 15.8 µs for a delivery where ten streams follow a stop (docs/performance.md): what is above
    # `delivery`, ten times, is the message's own.
    message: float = (15.8e-6 - 7.2e-6) * 10
    connect: float = 159e-6  # with its first board (docs/performance.md)
    gateway: float = 75e6  # a gateway that nobody has connected to (docs/operations/sizing.md)
    publication: float = 25e-6  # Redis, a board's patch stored and published (decision 0015)
    fan_out: float = 1.0e-6  # Redis, the same for each gateway that listens (docs/scale.md)
    board_poll: float = 446e-3 / 3187  # ingester, for a board that a poll changes (decision 0014)
    stop_time: float = 825e6 / 2.6e6  # ingester, a row of the schedule and what hangs on it (0014)
    patch: float = 366  # gzip, of a busy platform (decision 0016)
    patch_plain: float = 1.3e3  # through Redis (decision 0015)


@dataclass(frozen=True)
class Assumed:
    """Nobody measured these; prices are rounded list prices of November 2026, a month."""

    heartbeat: float = 110  # bytes, gzip
    packet: float = 95  # bytes of TLS, TCP and IP around an event, and for its acknowledgement
    every: float = 15  # seconds between heartbeats
    popularity: float = 0.8  # of stops: the nth has 1/n^0.8 as many riders as the first
    busy: float = 0.5  # share of a core, and of memory, that is planned with
    max_streams: int = 20_000  # of a gateway; 15,000 are what was measured at most
    day: float = 0.35  # riders on average, of those at the busiest hour
    core: float = 20.0  # dollars
    gigabyte: float = 3.5  # dollars, of memory
    egress: float = 0.02  # dollars for a GB; 0.005 to 0.09 is what is asked
    shard: float = 16 * GB  # memory of a Redis
    ingester: float = 8 * GB  # memory of an ingester
