"""Many streams on two gateways, held for minutes: does each get every patch, and what does it cost?"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace

from bench.fanout.load import load
from bench.fanout.measures import publishing
from bench.fanout.peers import gateway, stopcast

TOPICS = 1500
# Patches a second: with 20 streams to a stop 10,000 deliveries a second.
RATE = 500.0
STEP = 10.0


async def hold(streams: int, seconds: float) -> None:
    """Print how it goes now and then, and the reports of both load clients."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(stopcast(TOPICS, 0))
        port, process = await stack.enter_async_context(gateway(first.redis_url))
        servers = [first, replace(first, port=port, process=process)]
        empty = [server.memory() for server in servers]
        loads = [
            await stack.enter_async_context(
                load(s, streams=streams // 2, topics=TOPICS, ramp=1500, duration=seconds, settle=3)
            )
            for s in servers
        ]
        for each in loads:
            await each.until("begin")
        idle = [server.memory() for server in servers]
        uses = [server.use() for server in servers]
        before = dict(first.publisher.numbers)
        async with publishing(first.publisher, range(TOPICS), RATE):
            began = time.monotonic()
            while (passed := time.monotonic() - began) < seconds - 2:
                await asyncio.sleep(min(STEP, seconds - 2 - passed))
                print(
                    f"{time.monotonic() - began:5.0f} s", *(
                        f"| {server.memory() / 2**20:6.0f} MiB, "
                        f"{(server.use() - use).cpu / (time.monotonic() - began):4.0%} of a core"
                        for server, use in zip(servers, uses, strict=True)
                    ), flush=True,
                )  # fmt: skip
        # Stream i follows topic i, and so on around.
        half, now = streams // 2, first.publisher.numbers
        expected = sum(now[i % TOPICS] - before[i % TOPICS] for i in range(half))
        for each, server, none, all_idle in zip(loads, servers, empty, idle, strict=True):
            report = await each.finish()
            print(
                f"{report['opened']:,} of {half:,} streams, {report['closed']} closed, "
                f"{report['deliveries'] + report['snapshots'] - report['opened']:,} deliveries, "
                f"{expected:,} expected, {report['missing']} missing, {report['repeated']} repeated, "
                f"p50 {report['latency'][50]:.1f} p99 {report['latency'][99]:.1f} ms, "
                f"{(all_idle - none) / half / 1000:.1f} kB a stream when idle, "
                f"{(server.memory() - none) / half / 1000:.1f} in the end"
            )
