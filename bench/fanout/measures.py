"""What is measured. Each takes a peer and gives one round's figures by name."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from subprocess import PIPE
from typing import NamedTuple

from bench.fanout import tools
from bench.fanout.load import Load, Report, load
from bench.fanout.peers import KERNEL, NCHAN, OURS, QUEUES, TOKENS, Peer, Server, Use
from bench.fanout.publishers import Publisher, paced
from schemas.tasks import end

Figures = dict[str, float | list[float]]

# Saturated: as many events are under way, so that the next one is there when a server is done. With
# more, a server may join them in one write, which is not what the measure is about.
UNDER_WAY = 2
SECONDS = 4.0
SNAPSHOT = 2_000
BOARD = 8_000


@asynccontextmanager
async def publishing(
    publisher: Publisher, topics: Sequence[int], rate: float
) -> AsyncIterator[None]:
    task = asyncio.create_task(paced(publisher, topics, rate))
    try:
        yield
    finally:
        await end([task])


async def saturated(peer: Peer) -> Figures:
    """2,000 streams of one stop, events as fast as the server delivers them."""
    async with peer(1, 0) as server, load(server, streams=2000, duration=SECONDS) as streams:
        use = server.use()
        async for line in streams.lines():
            if line == "ready":
                for _ in range(UNDER_WAY):
                    await server.publisher.publish([0])
            elif line == "credit":
                await server.publisher.publish([0])
            elif line == "begin":
                use = server.use()
            elif line == "end":
                use = server.use() - use
                break
        report = await streams.finish()
        return _cost(report, use)


async def steady(peer: Peer) -> Figures:
    """2,000 streams of one stop, 40,000 deliveries a second."""
    async with peer(1, 0) as server, load(server, streams=2000, duration=SECONDS) as streams:
        return await _at_rate(server, streams, range(1), 20)


async def many_stops(peer: Peer) -> Figures:
    """15,000 streams over 1,500 stops: memory while idle, then 20,000 deliveries a second."""
    async with peer(1500, 0) as server:
        before = server.memory()
        async with load(
            server, streams=15_000, topics=1500, ramp=3000, warmup=2, duration=SECONDS
        ) as streams:
            await streams.until("ready")
            idle = server.memory() - before
            figures = await _at_rate(server, streams, range(1500), 2000, ready=True)
            return {"memory": idle / 15_000, **figures}


async def connects(peer: Peer) -> Figures:
    """15,000 clients at once, each gets 2 kB, while 1,000 open streams get 2,000 events a second."""
    async with (
        peer(1500, SNAPSHOT) as server,
        load(server, streams=1000, topics=100, ramp=2000, duration=0) as others,
    ):
        await others.until("ready")
        async with publishing(server.publisher, range(100), 200):
            await others.until("begin")
            use, began = server.use(), time.monotonic()
            async with load(server, streams=15_000, topics=1500, duration=0.1) as storm:
                await storm.until("ready")
                seconds, use = time.monotonic() - began, server.use() - use
                others.end_window()
                meanwhile, report = await others.finish(), await storm.finish()
        return {
            "seconds": seconds,
            "opened": report["opened"],
            "refused": report["refused"] + report["closed"],
            "cpu": use.cpu / 15_000 * 1e6,
            "kept_waiting": use.kept_waiting / seconds,
            "first": report["first_delivery"],
            "meanwhile_p99": meanwhile["latency"][99],
            "meanwhile_missing": meanwhile["missing"] + meanwhile["repeated"],
        }


async def several_stops(peer: Peer) -> Figures:
    """1,000 streams of 20 stops each, a poll a second touches all 200 stops."""
    async with peer(200, 0) as single:
        server = replace(single, path="/v1/stream?{stop=bench:#&}")
        async with load(
            server, streams=1000, topics=200, stops=20, ramp=2000, duration=SECONDS
        ) as streams:
            await streams.until("begin")
            use = server.use()
            for _ in range(int(SECONDS)):
                await server.publisher.publish(range(200))
                await asyncio.sleep(0.5)
            await streams.until("end")
            use = server.use() - use
            report = await streams.finish()
            return {
                # Less the heartbeats, each a write of its own.
                "writes": (report["window_segments"] - report["window_others"])
                / (1000 * int(SECONDS)),
                "expected": 1000 * 20 * int(SECONDS),
                "delivered": report["window_deliveries"],
                **_cost(report, use),
            }


async def boards(peer: Peer) -> Figures:
    """`GET …/board` over 8 kept connections of one fresh process."""
    async with peer(1, BOARD) as server:
        use = server.use()
        process = await asyncio.create_subprocess_exec(
            tools.compiled("requests"), str(server.port), "/v1/stops/bench:0/board", "8",
            str(SECONDS), stdout=PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        use = server.use() - use
        report: Report = json.loads(out)
        return {
            "cpu": use.cpu / report["requests"] * 1e6,
            "kept_waiting": use.kept_waiting / report["seconds"],
            "rate": report["requests"] / report["seconds"],
            "wrong": report["wrong"],
            "p99": report["answer"][99],
            "first": report["first"],
        }


class Measure(NamedTuple):
    """What is measured, and of whom."""

    take: Callable[[Peer], Coroutine[None, None, Figures]]
    peers: tuple[str, ...]


MEASURES = {
    "saturated": Measure(saturated, (OURS, NCHAN, QUEUES, KERNEL)),
    "steady": Measure(steady, (OURS, NCHAN, QUEUES, KERNEL)),
    "many_stops": Measure(many_stops, (OURS, TOKENS, NCHAN, QUEUES)),
    "connects": Measure(connects, (OURS, TOKENS, NCHAN, QUEUES)),
    "several_stops": Measure(several_stops, (OURS,)),
    "boards": Measure(boards, (OURS,)),
}


async def _at_rate(
    server: Server, streams: Load, topics: Sequence[int], rate: float, *, ready: bool = False
) -> Figures:
    if not ready:
        await streams.until("ready")
    async with publishing(server.publisher, topics, rate):
        await streams.until("begin")
        use = server.use()
        await streams.until("end")
        use = server.use() - use
    report = await streams.finish()
    # Of a server that is so late that nothing of the window arrived in it: for ever.
    latency = report["latency"] if report["latency_count"] else [math.inf] * 101
    return {
        "latency": latency,
        "p50": latency[50],
        "p99": latency[99],
        "p999": report["latency_p999"] or math.inf,
        **_cost(report, use),
    }


def _cost(report: Report, use: Use) -> Figures:
    deliveries = max(report["window_deliveries"], 1)
    return {
        "rate": report["window_deliveries"] / report["window"],
        "rate_per_cpu": deliveries / use.cpu,
        "cpu": use.cpu / deliveries * 1e6,
        "busy": use.cpu / report["window"],
        "kept_waiting": use.kept_waiting / report["window"],
        "client_busy": report["cpu"] / report["window"],
        "events_per_write": (deliveries + report["window_others"])
        / max(report["window_segments"], 1),
        "bytes": report["window_bytes"] / deliveries,
        "faults": report["missing"]
        + report["repeated"]
        + report["refused"]
        + report["closed"]
        + report["streams"]
        - report["opened"],
    }
