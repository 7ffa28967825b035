"""The pipeline as `feeds ingest` runs it, on the files that ORACLES.md names."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest

from feeds.gtfs.schedule_import import import_schedule
from feeds.realtime.calls import Call
from feeds.realtime.captures import message_from_capture
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.stored_schedule import timetable_at
from schemas.arrivals import Arrival
from schemas.database import connect, migrate


class Run:
    """A pipeline after one poll of each realtime file, its clock at `at` (POSIX seconds)."""

    def __init__(self, pipeline: Pipeline, files: list[Path], at: float) -> None:
        self.pipeline = pipeline
        self.at = at
        for endpoint, file in enumerate(files):
            self.poll(file, endpoint)

    def poll(self, file: Path, endpoint: int = 0) -> None:
        """Take in a capture, and make the boards."""
        data = message_from_capture(file.read_bytes(), file.name)
        self.pipeline.poll(endpoint, data, self.at)
        self.pipeline.changes(self.pipeline.pending(self.at), self.at)

    def arrivals(self, stop_id: str, begin: str = "", end: str = "") -> dict[str, Arrival]:
        """A stop's arrivals by trip_id; those scheduled in local times [begin, end]."""
        arrivals = {}
        for arrival in self.pipeline.boards.boards[stop_id]["arrivals"].values():
            scheduled = arrival.get("scheduled_departure", arrival.get("scheduled_arrival", 0))
            if not begin or begin <= self.local(scheduled) <= end:
                arrivals[arrival["trip_id"]] = arrival
        return arrivals

    def calls(self, trip_id: str) -> list[Call]:
        """The predicted trip's calls, of its one instance."""
        [run] = [r for r in self.pipeline.updates.runs.values() if r.instance.trip_id == trip_id]
        return run.calls

    def local(self, moment: int) -> str:
        """HH:MM:SS at the agency."""
        return f"{datetime.fromtimestamp(moment, self.pipeline.timetable.timezone):%H:%M:%S}"


RunFiles = Callable[..., Awaitable[Run]]


@pytest.fixture
async def run_files(captures: Path, postgres_url: str) -> RunFiles:
    """`await run_files(schedule, realtime…, at=RFC 3339)`: paths below the captures, or absolute."""
    await migrate(postgres_url)

    async def run(schedule: str | Path, *realtime: str, at: str) -> Run:
        moment = datetime.fromisoformat(at)
        async with connect(postgres_url) as connection:
            await import_schedule(str(captures / schedule), "conformance", connection)
            timetable = await timetable_at(connection, "conformance", moment.timestamp())
        assert timetable is not None
        files = [captures / name for name in realtime]
        return Run(Pipeline(timetable), files, moment.timestamp())

    return run
