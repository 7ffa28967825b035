"""The import of a schedule: a GTFS zip, by path or URL, becomes a feed's active version."""

import asyncio
import re
from dataclasses import dataclass
from time import perf_counter

from feeds.gtfs import versions as schedule_versions
from feeds.gtfs.problems import Problem, ScheduleError
from feeds.gtfs.schedule import GtfsSchedule, Progress, read_schedule
from feeds.gtfs.source import fetched, shown
from schemas.database import Connection

FEED_ID = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did.

    `counts` are rows by table. `ignored` are the first of the values (with `skip_wrong` also rows)
    that were left out, `ignored_total` counts all. All three are empty if nothing changed.
    """

    feed_id: str
    version: int
    changed: bool
    counts: dict[str, int]
    seconds: float
    ignored: tuple[Problem, ...] = ()
    ignored_total: int = 0


def quiet(step: str, done: int, total: int) -> None:
    """The progress of someone who does not look."""


async def import_schedule(
    source: str,
    feed_id: str,
    connection: Connection,
    *,
    progress: Progress = quiet,
    skip_wrong: bool = False,
) -> ImportResult:
    """Import the zip at `source` (path or URL) as the new active version of a feed.

    Nothing is done if the active version was made of the same bytes. With `skip_wrong`, rows that
    are wrong are left out instead of refusing the whole; a file that cannot be read is refused
    anyhow. Only one import per feed runs at a time; others wait.

    Raises:
        ScheduleError: with all problems that can be told in one go; the active version stands.
    """
    if not FEED_ID.fullmatch(feed_id):
        raise ScheduleError(f"feed id {feed_id!r} is not made of a-z, 0-9, _ and - only")
    begun = perf_counter()
    async with schedule_versions.alone(connection, feed_id):
        known = await schedule_versions.active(connection, feed_id)
        async with fetched(source, known and known.source, progress) as new:
            if known and (new is None or new[1].sha256 == known.source.sha256):
                if new is not None:
                    await schedule_versions.confirm(connection, feed_id, new[1])
                return ImportResult(feed_id, known.version, False, {}, perf_counter() - begun)
            if new is None:
                raise ScheduleError(f"{shown(source)} cannot be fetched: 304 without a condition")
            path, origin = new
            schedule = await asyncio.to_thread(
                read_schedule, path, shown(source), progress, skip_wrong=skip_wrong
            )
            version = await schedule_versions.store(connection, feed_id, origin, schedule, progress)
    return ImportResult(
        feed_id,
        version,
        True,
        _counts(schedule),
        perf_counter() - begun,
        schedule.ignored,
        schedule.ignored_total,
    )


def _counts(schedule: GtfsSchedule) -> dict[str, int]:
    counts = {name: len(table) for name, table in schedule.tables.items()}
    return counts | {"stop_times": len(schedule.stop_times)}
