"""What clients that stop reading cost the others, and the gateway's memory.

    python bench/frozen.py [--frozen 1000] [--streams 1000] [--seconds 8]

A gateway process serves streams of 100 stops, 2,000 deliveries a second, first alone, then with so
many frozen clients of the same stops beside them, all of which lag: what was published for them
went far beyond their buffers. Printed: publish-to-receive of the streams that read, memory of the
process (PSS) and unsent bytes in the kernel, per frozen client.
"""

import argparse
import asyncio
import os
import socket
from pathlib import Path

import httpx
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from bench.fanout.load import load
from bench.fanout.measures import publishing
from bench.fanout.peers import CLIENT_CORE, Server, stopcast
from gateway.settings import GatewaySettings

TOPICS = 100
RATE = 200.0  # events a second, over all topics
SNAPSHOT = 2_000
FILL = 20_000  # bytes of an event that fills buffers
PATIENCE = 60.0


async def latency(server: Server, streams: int, seconds: float) -> tuple[float, float]:
    """Median and 99th percentile in milliseconds."""
    async with load(
        server, streams=streams, topics=TOPICS, ramp=2000, duration=seconds
    ) as followers:
        await followers.until("ready")
        async with publishing(server.publisher, range(TOPICS), RATE):
            await followers.until("end")
        report = await followers.finish()
    if faults := report["missing"] + report["repeated"] + report["refused"] + report["closed"]:
        raise SystemExit(f"{faults} deliveries or streams went wrong: {report}")
    return report["latency"][50], report["latency"][99]


def freeze(server: Server, number: int) -> socket.socket:
    """A client that asks for a stream and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.sendall(
        b"GET /v1/stops/bench:%d/stream HTTP/1.1\r\nHost: bench\r\n\r\n" % (number % TOPICS)
    )
    return client


async def gauge(server: Server, name: str) -> float:
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://127.0.0.1:{server.port}/metrics")).text
    return next(
        family.samples[0].value
        for family in text_string_to_metric_families(text)
        if family.name == name
    )


async def until(server: Server, name: str, value: float) -> None:
    async with asyncio.timeout(PATIENCE):
        while await gauge(server, name) < value:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)


async def fill(server: Server) -> None:
    """Publish more than all buffers hold; then every frozen stream must lag."""
    settings = GatewaySettings.load()
    for _ in range(3 * (2 * settings.send_buffer + settings.write_buffer) // FILL):
        await server.publisher.publish(range(TOPICS), FILL)
        await asyncio.sleep(0.05)


def in_kernel(port: int) -> int:
    """Bytes that the connections of a listening port have unsent."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ours = (line.split() for line in lines)
    return sum(int(f[4].split(":")[0], 16) for f in ours if int(f[1].split(":")[1], 16) == port)


async def run(frozen: int, streams: int, seconds: float) -> None:
    async with stopcast(TOPICS, SNAPSHOT) as server:
        alone = await latency(server, streams, seconds)
        before = server.memory()
        clients = [freeze(server, number) for number in range(frozen)]
        await until(server, "stopcast_gateway_streams", frozen)
        await fill(server)
        await until(server, "stopcast_gateway_streams_lagging", frozen)
        full, kernel = server.memory(), in_kernel(server.port)
        beside = await latency(server, streams, seconds)
        lagging = await gauge(server, "stopcast_gateway_streams_lagging")
        after = server.memory()
        for client in clients:
            client.close()
    print(
        f"{streams} streams, {RATE * streams / TOPICS:.0f} deliveries a second, {seconds:.0f} s each"
    )
    print(f"alone                 p50 {alone[0]:6.2f} ms   p99 {alone[1]:6.2f} ms")
    print(
        f"beside {frozen:5} frozen   p50 {beside[0]:6.2f} ms   p99 {beside[1]:6.2f} ms   ({lagging:.0f} of them lag)"
    )
    print(f"per frozen client, kB: full {(full - before) / frozen / 1e3:.1f}, "
          f"in the end {(after - before) / frozen / 1e3:.1f}; in the kernel {kernel / frozen / 1e3:.1f}")  # fmt: skip
    bound = GatewaySettings.load()
    print(
        f"bound: {bound.write_buffer / 1e3:.1f} and one board, {2 * bound.send_buffer / 1e3:.1f} in the kernel"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frozen", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=8)
    given = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    os.environ["STOPCAST_FROZEN_LIMIT"] = "600"  # they stay for the whole run
    uvloop.run(run(given.frozen, given.streams, given.seconds))


if __name__ == "__main__":
    main()
