"""What connections that never finish their request cost those who are served meanwhile.

    python bench/slow_requests.py [--slow 1000] [--streams 200] [--seconds 14]

A gateway process serves streams, 20 deliveries a second each, and plain requests for boards, first
alone, then beside so many connections that send a byte of a request each second. Printed: when the
slow ones were cut, publish-to-receive of the streams and the time of plain requests.
"""

import argparse
import asyncio
import os
import socket
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import httpx
import uvloop

from bench.fanout.load import load
from bench.fanout.measures import publishing
from bench.fanout.peers import CLIENT_CORE, Server, stopcast

TOPICS = 20
RATE = 400.0  # events a second, over all topics
PAUSE = 0.05  # between two plain requests
STARTS: Sequence[bytes] = (
    b"",
    b"GET /v1/stream?stop=bench:0",
    b"GET / HTTP/1.1\r\nX: ",
    b"POST / HTTP/1.1\r\nContent-Length: 4000\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\nGET /",
)


class Figures(NamedTuple):
    """Milliseconds: median and 99th percentile."""

    streams: tuple[float, float]
    requests: tuple[float, float]
    asked: int


async def slow(port: int, number: int, began: list[float]) -> float:
    """Send a byte each second until the gateway has cut us; after how many seconds it had."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    start = time.monotonic()
    began.append(start)
    try:
        await loop.sock_sendall(client, STARTS[number % len(STARTS)])
        while True:
            with suppress(TimeoutError):
                if not await asyncio.wait_for(loop.sock_recv(client, 4096), 1):
                    break
                continue  # the answer to the first of two requests
            await loop.sock_sendall(client, b"a" if STARTS[number % len(STARTS)] else b"\r\n")
    except OSError:
        pass
    finally:
        client.close()
    return time.monotonic() - start


async def ask(server: Server, seconds: float) -> list[float]:
    """How long each plain request took, in milliseconds; all must be answered."""
    took = []
    async with httpx.AsyncClient() as http:
        end = time.monotonic() + seconds
        while (start := time.monotonic()) < end:
            answer = await http.get(f"http://127.0.0.1:{server.port}/v1/stops/bench:0/board")
            answer.raise_for_status()
            took.append((time.monotonic() - start) * 1e3)
            await asyncio.sleep(PAUSE)
    return took


async def measured(server: Server, streams: int, seconds: float) -> Figures:
    async with load(
        server, streams=streams, topics=TOPICS, ramp=2000, duration=seconds
    ) as followers:
        await followers.until("ready")
        async with publishing(server.publisher, range(TOPICS), RATE):
            took = await ask(server, seconds)
            await followers.until("end")
        report = await followers.finish()
    if faults := report["missing"] + report["repeated"] + report["refused"] + report["closed"]:
        raise SystemExit(f"{faults} deliveries or streams went wrong: {report}")
    latency = report["latency"]
    of_requests = statistics.quantiles(took, n=100)
    return Figures((latency[50], latency[99]), (of_requests[49], of_requests[98]), len(took))


async def run(number: int, streams: int, seconds: float) -> None:
    async with stopcast(TOPICS, 2_000) as server:
        alone = await measured(server, streams, seconds)
        began: list[float] = []
        cutting = asyncio.gather(*(slow(server.port, n, began) for n in range(number)))
        while len(began) < number:  # noqa: ASYNC110  # they connect
            await asyncio.sleep(0.01)
        beside = await measured(server, streams, seconds)
        lived = sorted(await cutting)
    print(f"{number} slow connections, cut after {lived[0]:.1f} to {lived[-1]:.1f} s")
    for name, figures in (("alone", alone), ("beside them", beside)):
        print(
            f"{name:12} streams p50 {figures.streams[0]:5.2f} ms p99 {figures.streams[1]:6.2f} ms   "
            f"requests p50 {figures.requests[0]:5.2f} ms p99 {figures.requests[1]:6.2f} ms, "
            f"{figures.asked} of {figures.asked} answered"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=14)
    given = parser.parse_args()
    os.sched_setaffinity(0, {CLIENT_CORE})
    uvloop.run(run(given.slow, given.streams, given.seconds))


if __name__ == "__main__":
    main()
