"""What so many riders and feeds need, from what each costs: docs/scale.md."""

from dataclasses import dataclass, replace
from math import ceil, log2

import numpy as np

from bench.scale.figures import GB, MONTH, Assumed, Measured, figure

# The smallest machine of each kind, bytes of memory.
GATEWAY, INGESTER, REDIS, POSTGRES, NGINX = 0.5 * GB, GB, 0.25 * GB, GB, 0.25 * GB


@dataclass(frozen=True)
class Demand:
    """A deployment at its busiest hour."""

    name: str
    streams: int = figure(1_000, "at once")
    feeds: int = figure(1, "of agencies")
    boards: int = figure(1_000, "of all feeds")
    stop_times: float = figure(0.4e6, "rows of all schedules")
    board: float = figure(4e3, "of a snapshot", "bytes")
    followed: float = figure(2, "changes a minute of a board that somebody follows")
    unfollowed: float = figure(0.5, "changes a minute of any board on average")


@dataclass(frozen=True)
class Machines:
    """So many of one kind."""

    count: int
    cores: int  # of each
    memory: float  # of each, bytes
    disk: float = 0  # of each, bytes


@dataclass(frozen=True)
class Gateway:
    """One of them while another is missing. Bytes."""

    streams: float
    topics: float  # stops that it follows
    core: float  # share of one
    holding: float  # memory of its streams
    boards: float
    tails: float  # of patches behind boards, on average
    longest: float  # its memory in all, with all tails as long as they get
    memory: float  # in all, on average


@dataclass(frozen=True)
class Redis:
    """All shards together. Cores, and bytes."""

    publishing: float
    fan_out: float
    upkeep: float  # what gateways ask and tell again and again
    memory: float
    inside: float  # bytes a second to gateways

    @property
    def cores(self) -> float:
        return self.publishing + self.fan_out + self.upkeep


@dataclass(frozen=True)
class Needs:
    gateway: Gateway
    redis: Redis
    timetables: float  # bytes, of all owners
    search: float  # seconds of Postgres for a question
    out: float  # bytes a second, to riders
    machines: dict[str, Machines]
    dollars: dict[str, float]  # a month


def needs(demand: Demand, measured: Measured, assumed: Assumed) -> Needs:
    gateways = ceil(demand.streams / assumed.max_streams) + 1  # one is being replaced, or has died
    redis = _redis(demand, gateways, measured, assumed)
    if _shards(redis, assumed) > 1:
        measured = _clustered(measured)
        redis = _redis(demand, gateways, measured, assumed)
    gateway = _gateway(demand, gateways, measured, assumed)
    search = measured.search + measured.search_feed * (min(demand.feeds, assumed.searched) - 1)
    machines = {
        "gateways": Machines(gateways, 1, machine(gateway.memory / assumed.busy, GATEWAY)),
        "ingesters": _ingesters(demand, measured, assumed),
        "Redis": _masters(redis, gateways, assumed),
        "Postgres": _postgres(demand, search, measured, assumed),
        "nginx": _nginx(demand, measured, assumed),
    }
    out = _out(demand, measured, assumed)
    return Needs(
        gateway=gateway,
        redis=redis,
        timetables=demand.stop_times * measured.stop_time,
        search=search,
        out=out,
        machines=machines,
        dollars={
            "cores": assumed.core * sum(each.count * each.cores for each in machines.values()),
            "memory": assumed.gigabyte / GB * sum(m.count * m.memory for m in machines.values()),
            "disk": assumed.disk / GB * sum(m.count * m.disk for m in machines.values()),
            "egress": out * assumed.day * MONTH / GB * assumed.egress,
        },
    )


def _gateway(demand: Demand, gateways: int, measured: Measured, assumed: Assumed) -> Gateway:
    streams = demand.streams / (gateways - 1)
    topics = distinct(demand.boards, streams, assumed.popularity)
    changes = demand.followed / 60
    holding, boards = streams * measured.stream, topics * demand.board
    longest = topics * tail(measured, assumed)
    steady = measured.gateway + holding + boards
    return Gateway(
        streams=streams,
        topics=topics,
        core=topics * (changes * measured.message + measured.compared / assumed.sweep)
        + streams * (changes + 1 / assumed.heartbeat) * measured.delivery
        + demand.feeds / assumed.feed_poll * measured.looked
        + streams * assumed.callers / assumed.stream_lease * 3 * measured.renewed,
        holding=holding,
        boards=boards,
        tails=longest * assumed.tail,
        longest=steady + longest,
        memory=steady + longest * assumed.tail,
    )


def tail(measured: Measured, assumed: Assumed) -> float:
    """Bytes behind a followed board at most: patches as they came, and for who follows and joins."""
    patches = min(assumed.tail_patches, assumed.tail_bytes / measured.patch_plain)
    return patches * (measured.patch_plain + 2 * measured.patch + measured.kept)


def _redis(demand: Demand, gateways: int, measured: Measured, assumed: Assumed) -> Redis:
    topics = gateways * distinct(demand.boards, demand.streams / gateways, assumed.popularity)
    messages = topics * demand.followed / 60
    looks = gateways * demand.feeds / assumed.feed_poll
    callers = demand.streams * assumed.callers
    publications = demand.boards * demand.unfollowed / 60
    return Redis(
        publishing=publications * measured.publication,
        fan_out=messages * measured.fan_out,
        upkeep=topics / assumed.sweep * measured.redis_compared
        + looks * measured.redis_looked
        + callers / assumed.stream_lease * 3 * measured.redis_renewed,
        # Half as much in patches as in snapshots (decision 0015).
        memory=demand.boards * (demand.board * 1.5 + measured.redis_board)
        + callers * measured.caller,
        inside=messages * measured.patch_plain + looks * measured.feed,
    )


def _shards(redis: Redis, assumed: Assumed) -> int:
    return ceil(max(redis.cores, redis.memory / assumed.shard) / assumed.busy)


def _clustered(measured: Measured) -> Measured:
    """In a Cluster a script has one board, or one caller."""
    more = measured.clustered
    return replace(
        measured,
        publication=measured.publication * more,
        renewed=measured.renewed * more,
        redis_renewed=measured.redis_renewed * more,
    )


def _masters(redis: Redis, gateways: int, assumed: Assumed) -> Machines:
    """Each with a replica."""
    shards = _shards(redis, assumed)
    memory = redis.memory / assumed.busy / shards + gateways * assumed.buffer
    return Machines(shards * 2, 1, machine(memory, REDIS))


def _ingesters(demand: Demand, measured: Measured, assumed: Assumed) -> Machines:
    """Half of them stand by, and need as much when they take over."""
    timetables = demand.stop_times * measured.stop_time / assumed.busy
    polls = demand.boards * demand.unfollowed / 60 * measured.board_poll / assumed.busy
    owners = ceil(max(timetables / assumed.ingester, polls))
    return Machines(owners * 2, 1, machine(timetables / owners, INGESTER))


def _postgres(demand: Demand, search: float, measured: Measured, assumed: Assumed) -> Machines:
    """An import stands beside what it replaces."""
    count = ceil(demand.feeds / assumed.searched)
    asked = demand.streams / assumed.stay * assumed.asks * search / assumed.busy
    stored = (demand.stop_times * measured.row + demand.boards * measured.stop) * 2 / count
    memory = machine(stored * assumed.cached / assumed.busy, POSTGRES)
    return Machines(count, ceil(asked / count), memory, stored / assumed.busy)


def _nginx(demand: Demand, measured: Measured, assumed: Assumed) -> Machines:
    """One more than can hold all streams."""
    count = ceil(demand.streams / assumed.balanced)
    memory = demand.streams / count * measured.nginx / assumed.busy
    return Machines(count + 1, 1, machine(memory, NGINX))


def _out(demand: Demand, measured: Measured, assumed: Assumed) -> float:
    changes = demand.followed / 60 * (measured.patch + assumed.packet)
    return demand.streams * (changes + (measured.beat + assumed.packet) / assumed.heartbeat)


def machine(memory: float, least: float) -> float:
    """What is sold: `least`, or it doubled as often as it takes."""
    return float(least * 2 ** max(0, ceil(log2(memory / least))))


def distinct(boards: int, streams: float, popularity: float) -> float:
    """How many of these boards somebody of so many follows, each choosing by popularity."""
    weights = np.arange(1, boards + 1, dtype=np.float64) ** -popularity
    return float(-np.expm1(streams * np.log1p(-np.minimum(weights / weights.sum(), 0.999))).sum())


def reconnect(streams: float, seconds: float, measured: Measured) -> float:
    """Cores that are busy while so many come back within so long."""
    return streams * measured.connect / seconds
