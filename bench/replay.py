"""The NYC subway replay at speed: do clients hold the server's boards after every poll?

    python bench/replay.py [--speed 20] [--polls 80]

Starts `feeds replay` and `stopcast up`, follows one busy station and 50 platforms, and after each
poll of the feed compares what each client holds with `GET …/board`. 80 polls at 20x take 4 minutes.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.subway import FOLDER, SCHEDULE
from schemas.local.embedded import free_port
from tests.client import BoardClient

STATION = "nyct:A32"
PLATFORMS = 50
CONFIG = """\
[feeds.nyct]
schedule = "{schedule}"
skip_wrong = true
[[feeds.nyct.endpoints]]
url = "http://127.0.0.1:{port}/"
interval = 0.5
clock = true
"""


@contextmanager
def process(*arguments: str, **env: str) -> Iterator[None]:
    command = [sys.executable, "-m", "stopcast", *arguments]
    with tempfile.TemporaryFile() as log:
        started = subprocess.Popen(  # noqa: S603  # our own
            command, env={**os.environ, **env}, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            started.send_signal(signal.SIGINT)
            started.wait(30)


async def serves(url: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(60):
        while True:
            try:
                feeds = (await client.get(f"{url}/v1/feeds")).json()["feeds"]
                if feeds and feeds[0]["complete"] and feeds[0]["timestamp"]:
                    return
            except (httpx.HTTPError, ValueError):
                pass
            await asyncio.sleep(0.1)


class Comparison:
    """Clients against plain requests, poll after poll."""

    def __init__(self, port: int) -> None:
        self.plain = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10)
        self.clients = {name: BoardClient(port) for name in ("station", "platforms")}
        self.stops: dict[str, list[str]] = {}
        self.counts: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.latest: list[float] = []

    async def begin(self) -> None:
        boards = await self._busiest()
        self.stops = {"station": [STATION], "platforms": boards}
        for name, client in self.clients.items():
            await client.connect(*self.stops[name])

    async def _busiest(self) -> list[str]:
        listed: list[str] = []
        cursor = ""
        while True:
            page = (await self.plain.get(f"/v1/stops?limit=100{cursor}")).json()
            for stop in page["stops"]:
                listed += [each["stop_id"] for each in stop.get("platforms", [stop])]
            if not page.get("next"):
                break
            cursor = f"&cursor={page['next']}"
        sizes = {
            stop: len((await self.board(stop))["arrivals"]) for stop in listed if stop != STATION
        }
        return sorted(sizes, key=lambda stop: -sizes[stop])[:PLATFORMS]

    async def board(self, stop: str) -> Any:
        answer = await self.plain.get(f"/v1/stops/{stop}/board")
        return answer.json() if answer.is_success else {"arrivals": {}}

    async def timestamp(self) -> int:
        feeds = (await self.plain.get("/v1/feeds")).json()["feeds"]
        return int(feeds[0]["timestamp"])

    async def read(self) -> None:
        """Take in what comes, for ever."""
        await asyncio.gather(
            *(client.read_until(lambda: False, 3600) for client in self.clients.values())
        )

    async def compare(self) -> None:
        """Once this poll is out: wait, at most until the next one, for the boards to be the same."""
        begin = time.monotonic()
        for name, client in self.clients.items():
            for _ in range(50):
                served = {stop: await self.board(stop) for stop in self.stops[name]}
                if client.boards == served:
                    self.counts[f"{name} equal"] += 1
                    break
                await asyncio.sleep(0.02)
            else:
                self.counts[f"{name} DIFFERENT"] += 1
        self.latest.append(time.monotonic() - begin)


async def follow(port: int, polls: int) -> Comparison:
    comparison = Comparison(port)
    await comparison.begin()
    reading = asyncio.create_task(comparison.read())
    seen = 0
    deadline = time.monotonic() + 600
    while len(comparison.latest) < polls and time.monotonic() < deadline:
        if (now := await comparison.timestamp()) != seen:
            seen = now
            await comparison.compare()
            print(f"\r{len(comparison.latest)} polls compared", end="", file=sys.stderr)
        await asyncio.sleep(0.1)
    reading.cancel()
    print(file=sys.stderr)
    return comparison


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=20)
    parser.add_argument("--polls", type=int, default=78, help="of the 80; the first serve to start")
    arguments = parser.parse_args()
    source, port = free_port(), free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stopcast-bench-")))
        config = folder / "stopcast.toml"
        config.write_text(CONFIG.format(schedule=SCHEDULE, port=source))
        replay = ("feeds", "replay", "--speed", str(arguments.speed), "--port", str(source))
        stack.enter_context(process(*replay, str(FOLDER)))
        up = (
            "up",
            "--config",
            str(config),
            "--port",
            str(port),
            "--data-dir",
            str(folder / "data"),
        )
        stack.enter_context(process(*up))
        asyncio.run(serves(f"http://127.0.0.1:{port}"))
        comparison = asyncio.run(follow(port, arguments.polls))
    print(f"polls compared: {len(comparison.latest)}, at {arguments.speed:g}x")
    for name, count in sorted(comparison.counts.items()):
        print(f"  {name}: {count}")
    for name, client in comparison.clients.items():
        kinds = Counter(client.names())
        print(
            f"  {name}: {client.received:,} bytes, "
            + ", ".join(f"{n} {k}" for k, n in kinds.items())
        )


if __name__ == "__main__":
    main()
