"""A poll from its bytes to the published patches, and the memory that it takes.

    python bench/ingest.py [--polls 30]

Two feeds, each poll with 10 % of its trips changed:
- NYC buses of 2026-01-28: 5,801 trips, 90,879 stop time updates, no schedule (stops made up);
- a made-up city with a full timetable, simulated as the demo city is: about 10,000 trips that run
  or are about to, 150,000 stop time updates.
Timed: decode, match, predict (until it is understood); build, compare, encode, write, until a real
Valkey has answered the last script (until it is published); of both, the process's CPU time. Memory is the process's peak, the timetable included. What is measured runs on one CPU, Valkey
on the others.
"""

import argparse
import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from google.transit.gtfs_realtime_pb2 import FeedMessage

from bench.captures import NYC_BUSES
from feeds.ingest.garbage import collect_rarely
from feeds.ingest.publisher import Publisher
from feeds.realtime.pipeline import Pipeline
from feeds.sources.simulation.simulation import Simulation
from feeds.timetable.stored_schedule import timetable_at
from feeds.timetable.timetable import Timetable
from schemas.database import connect, migrate
from schemas.live import LiveStore
from schemas.local import embedded

CHANGED = 0.10
APART = 30  # seconds
HEADER = "gtfs_realtime_version"

# The made-up city: lines along the rows and columns of a grid, both ways, all day.
GRID, LINE_STOPS, LINES = 80, 24, 228
RUN_MINUTES, HEADWAY_MINUTES = 3, 5
MORNING = datetime(2026, 11, 20, 8, 0, tzinfo=UTC).timestamp()


def city(path: Path) -> None:
    """Write the made-up city's GTFS zip: 2.6 million stop_times."""
    stops = [f"{x}-{y}" for x in range(GRID) for y in range(GRID)]
    trips, stop_times = [], []
    for line in range(LINES):
        for direction in (0, 1):
            route = _route(line, direction)
            for number, start in enumerate(range(4 * 60, 24 * 60, HEADWAY_MINUTES)):
                trip = f"L{line}-{direction}-{number}"
                trips.append(f"L{line},daily,{trip},{direction}")
                for place, stop in enumerate(route):
                    minutes = start + (line + place * RUN_MINUTES)
                    clock = f"{minutes // 60:02}:{minutes % 60:02}:00"
                    stop_times.append(f"{trip},{clock},{clock},{stop},{place + 1}")
    tables = {
        "agency.txt": ["agency_name,agency_url,agency_timezone", "Grid,https://example.org,UTC"],
        "stops.txt": ["stop_id,stop_name,stop_lat,stop_lon", *(_stop(stop) for stop in stops)],
        "routes.txt": [
            "route_id,route_short_name,route_type",
            *(f"L{n},{n},3" for n in range(LINES)),
        ],
        "calendar.txt": [
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
            "daily,1,1,1,1,1,1,1,20260101,20271231",
        ],
        "trips.txt": ["route_id,service_id,trip_id,direction_id", *trips],
        "stop_times.txt": [
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence",
            *stop_times,
        ],
    }
    _write(path, tables)


def _route(line: int, direction: int) -> list[str]:
    row, begin = line % GRID, (line * 7) % (GRID - LINE_STOPS)
    places = range(begin, begin + LINE_STOPS)
    route = [f"{row}-{n}" if line < LINES // 2 else f"{n}-{row}" for n in places]
    return route[::-1] if direction else route


def _stop(stop_id: str) -> str:
    x, y = map(int, stop_id.split("-"))
    return f"{stop_id},Corner {stop_id},{50 + x / 200},{8 + y / 200}"


def stops_of(message: bytes, path: Path) -> None:
    """A schedule that has the stops of a message, and one trip that never runs."""
    updates = [entity.trip_update for entity in FeedMessage.FromString(message).entity]
    stop_ids = sorted({call.stop_id for update in updates for call in update.stop_time_update})
    routes = sorted({update.trip.route_id for update in updates})
    _write(
        path,
        {
            "agency.txt": [
                "agency_name,agency_url,agency_timezone",
                "MTA,https://example.org,America/New_York",
            ],
            "stops.txt": [
                "stop_id,stop_name,stop_lat,stop_lon",
                *(f"{stop_id},{stop_id},40.7,-74.0" for stop_id in stop_ids),
            ],
            "routes.txt": ["route_id,route_short_name,route_type", *(f"{r},{r},3" for r in routes)],
            "calendar_dates.txt": ["service_id,date,exception_type", "once,20260101,1"],
            "trips.txt": ["route_id,service_id,trip_id", f"{routes[0]},once,none"],
            "stop_times.txt": [
                "trip_id,arrival_time,departure_time,stop_id,stop_sequence",
                f"none,08:00:00,08:00:00,{stop_ids[0]},1",
                f"none,08:10:00,08:10:00,{stop_ids[1]},2",
            ],
        },
    )


def _write(path: Path, tables: dict[str, list[str]]) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name, lines in tables.items():
            archive.writestr(name, "\n".join(lines) + "\n")


def polls(message: bytes, count: int) -> Iterator[bytes]:
    """The message, then others 30 s apart: in a tenth of the trips every time has moved."""
    feed = FeedMessage.FromString(message)
    rng = random.Random(1)  # noqa: S311  # which trips change
    entities = [entity for entity in feed.entity if entity.HasField("trip_update")]
    for _ in range(count):
        yield feed.SerializeToString()
        feed.header.timestamp += APART
        for entity in rng.sample(entities, int(len(entities) * CHANGED)):
            moved = rng.choice((-20, 20, 40))
            entity.trip_update.timestamp = feed.header.timestamp
            for call in entity.trip_update.stop_time_update:
                for event in (call.arrival, call.departure):
                    if event.time:
                        event.time += moved
                    if event.HasField("delay"):
                        event.delay += moved


class Scene(NamedTuple):
    """What is measured: the moment of its first message, and its stop time updates."""

    name: str
    moment: float
    updates: int


def buses(url: str, folder: Path, count: int) -> Scene:
    """Import the stops of the NYC buses, and write polls."""
    message = NYC_BUSES.read_bytes()
    moment = float(FeedMessage.FromString(message).header.timestamp)
    stops_of(message, folder / "stops.zip")
    asyncio.run(_import(folder / "stops.zip", url))
    return Scene("NYC buses, no schedule", moment, _write_polls(message, count, folder))


def grid(url: str, folder: Path, count: int) -> Scene:
    """Import the made-up city, and write polls."""
    city(folder / "city.zip")
    asyncio.run(_import(folder / "city.zip", url))
    table = asyncio.run(_load(url, MORNING))
    message = Simulation(table, 1, 30).message("trip-updates", MORNING)
    updates = _write_polls(message, count, folder)
    return Scene("made-up city, full timetable", MORNING, updates)


async def _import(path: Path, url: str) -> None:
    # Not in the process whose memory is measured.
    from feeds.gtfs.schedule_import import import_schedule  # noqa: PLC0415

    await migrate(url)
    async with connect(url) as connection:
        await import_schedule(str(path), "bench", connection)


def _write_polls(message: bytes, count: int, folder: Path) -> int:
    """Write the message and `count` more; how many stop time updates it has."""
    for number, data in enumerate(polls(message, count + 1)):
        (folder / f"{number}.pb").write_bytes(data)
    feed = FeedMessage.FromString(message)
    return sum(len(entity.trip_update.stop_time_update) for entity in feed.entity)


class Figures:
    """What every poll took, in seconds: until it is understood, until it is published, of CPU."""

    def __init__(self) -> None:
        self.polls: list[tuple[float, float, float]] = []
        self.patches: list[int] = []

    def add(self, understood: float, published: float, cpu: float, patches: int) -> None:
        self.polls.append((understood, published, cpu))
        self.patches.append(patches)

    def print(self, scene: Scene) -> None:
        understood, published, cpu = zip(*self.polls, strict=True)
        totals = [one + other for one, other in zip(understood, published, strict=True)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{scene.name}: {scene.updates:,} stop time updates, {CHANGED:.0%} changed a poll")
        for step, times in {
            "understood": understood, "published": published, "in all": totals, "CPU": cpu
        }.items():  # fmt: skip
            p50, p99 = statistics.median(times), _percentile(times, 0.99)
            print(f"  {step:10} p50 {p50 * 1000:7.1f} ms   p99 {p99 * 1000:7.1f} ms")
        print(
            f"  patches    {statistics.median(self.patches):.0f} a poll; peak memory {peak:.0f} MB"
        )


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * len(values)))]


async def measure(scene: Scene, table: Timetable, folder: Path, count: int, url: str) -> None:
    collect_rarely()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    live = LiveStore.connect(url)
    lease = await live.acquire("bench", "bench", 3600)
    assert lease is not None
    pipeline, publisher, figures = Pipeline(table), Publisher("bench", live), Figures()
    await publisher.take_over(lease, pipeline)
    for number in range(count + 1):
        data, now = (folder / f"{number}.pb").read_bytes(), scene.moment + number * APART
        begin, cpu = time.perf_counter(), time.process_time()
        pipeline.poll(0, data, now)
        understood = time.perf_counter()
        before = {stop: board["version"] for stop, board in pipeline.boards.boards.items()}
        counted = time.perf_counter()
        await publisher.publish(lease, pipeline, now)
        done = time.perf_counter()
        cpu = time.process_time() - cpu - (counted - understood)
        if number == 0:
            trips, took = len(pipeline.updates.runs), done - begin
            print(f"  ({trips:,} trips; the first poll took {took:.2f} s)", file=sys.stderr)
            continue
        boards = pipeline.boards.boards.items()
        changed = sum(before.get(stop) != board["version"] for stop, board in boards)
        figures.add(understood - begin, done - counted, cpu, changed)
    await live.close()
    figures.print(scene)


def work(prepare: Callable[[str, Path, int], Scene], count: int) -> None:
    """One scene, prepared in a process of its own, so that its memory is not counted."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis_url = stack.enter_context(embedded.valkey())
        with embedded.postgres() as url:
            with ProcessPoolExecutor(1, get_context("spawn")) as apart:
                scene = apart.submit(prepare, url, folder, count).result()
            table = asyncio.run(_load(url, scene.moment))
        print(
            f"  (timetable: {len(table.trips):,} trips, {table.nbytes / 1e6:.0f} MB)",
            file=sys.stderr,
        )
        asyncio.run(measure(scene, table, folder, count, redis_url))


async def _load(url: str, moment: float) -> Timetable:
    async with connect(url) as connection:
        loaded = await timetable_at(connection, "bench", moment)
    assert loaded is not None
    return loaded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polls", type=int, default=30)
    count = parser.parse_args().polls
    for prepare in (buses, grid):  # each in a process of its own, for its peak of memory
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            process.submit(work, prepare, count).result()


if __name__ == "__main__":
    main()
