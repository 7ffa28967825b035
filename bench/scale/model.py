"""What so many riders and feeds need, from what each costs: docs/scale.md."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from bench.scale.figures import GB, MONTH, Assumed, Measured


@dataclass(frozen=True)
class Demand:
    """A deployment at its busiest hour."""

    name: str
    streams: int
    feeds: int
    boards: int  # of all feeds
    stop_times: float  # rows of all schedules
    board: float  # bytes, a snapshot
    followed: float  # changes a minute of a board that somebody follows
    unfollowed: float  # changes a minute of a board on average


@dataclass(frozen=True)
class Needs:
    gateways: int
    gateway_core: float  # share of a core, of each
    topics: float  # stops that a gateway follows
    shards: int
    redis_cores: float  # to publish, and to bring it to the gateways
    redis_fan_out: float  # the second part of that
    redis_memory: float
    ingesters: int  # standbys included
    ingester_memory: float  # of all owners
    out: float  # bytes a second, to riders
    inside: float  # bytes a second, from Redis to gateways
    dollars: dict[str, float]  # a month


def needs(demand: Demand, measured: Measured, assumed: Assumed) -> Needs:
    changes = demand.followed / 60
    gateways = _gateways(demand.streams, assumed)
    streams = demand.streams / gateways
    topics = distinct(demand.boards, streams, assumed.popularity)
    messages = gateways * topics * changes
    publishing = demand.boards * demand.unfollowed / 60 * measured.publication
    fan_out = messages * measured.fan_out
    memory = demand.boards * demand.board * 1.5  # and its patches (decision 0015)
    shards = ceil(max((publishing + fan_out) / assumed.busy, memory / assumed.shard / assumed.busy))
    timetables = demand.stop_times * measured.stop_time
    polls = demand.boards * demand.unfollowed / 60 * measured.board_poll
    owners = ceil(max(timetables / assumed.ingester, polls) / assumed.busy)
    out = demand.streams * (
        changes * (measured.patch + assumed.packet)
        + (assumed.heartbeat + assumed.packet) / assumed.every
    )
    cores = gateways + shards * 2 + owners * 2
    ram = (
        gateways * (measured.gateway + streams * measured.stream + topics * demand.board)
        + 2 * shards * min(memory / shards / assumed.busy, assumed.shard)
        + 2 * timetables
    ) / assumed.busy
    return Needs(
        gateways=gateways,
        gateway_core=topics * changes * measured.message
        + streams * (changes + 1 / assumed.every) * measured.delivery,
        topics=topics,
        shards=shards,
        redis_cores=publishing + fan_out,
        redis_fan_out=fan_out,
        redis_memory=memory,
        ingesters=owners * 2,
        ingester_memory=timetables,
        out=out,
        inside=messages * measured.patch_plain,
        dollars={
            "cores": cores * assumed.core,
            "memory": ram / GB * assumed.gigabyte,
            "egress": out * assumed.day * MONTH / GB * assumed.egress,
        },
    )


def distinct(boards: int, streams: float, popularity: float) -> float:
    """How many of these boards somebody of so many follows, each choosing by popularity."""
    weights = np.arange(1, boards + 1, dtype=np.float64) ** -popularity
    return float(-np.expm1(streams * np.log1p(-np.minimum(weights / weights.sum(), 0.999))).sum())


def reconnect(streams: float, seconds: float, measured: Measured) -> float:
    """Cores that are busy while so many come back within so long."""
    return streams * measured.connect / seconds


def _gateways(streams: int, assumed: Assumed) -> int:
    """One more than can hold them all: one is being replaced, or has died."""
    return ceil(streams / assumed.max_streams) + 1
