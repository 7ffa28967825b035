"""A whole GTFS zip, read and checked: what the import stores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from feeds.gtfs.fields import (
    AGENCY,
    CALENDAR,
    CALENDAR_DATES,
    FILES,
    FREQUENCIES,
    ROUTES,
    STOP_TIMES,
    STOPS,
    TRIPS,
    File,
)
from feeds.gtfs.files import read_file
from feeds.gtfs.problems import Problem, Problems, ScheduleError
from feeds.gtfs.stop_times import StopTimeColumns, stop_time_columns
from feeds.gtfs.table import GtfsTable, absent
from feeds.gtfs.zip import GtfsZip

Progress = Callable[[str, int, int], None]
"""Told `(step, done, total)` as the work goes on; a step is over when done equals total."""


@dataclass(frozen=True, slots=True)
class GtfsSchedule:
    """The tables by file name without `.txt`, but stop_times; stops and trips have a `number`.

    `ignored` are the first of the values and rows that were left out, `ignored_total` counts all.
    """

    tables: dict[str, pl.DataFrame]
    stop_times: StopTimeColumns
    ignored: tuple[Problem, ...]
    ignored_total: int

    @property
    def last_time(self) -> int:
        """The latest time that a run reaches, seconds after noon minus 12 h."""
        ends = self.tables["frequencies"]["end_time"].to_list()
        # A frequency trip's last run ends its own duration after the period, which no time of
        # stop_times exceeds.
        return self.stop_times.last_time + max(ends, default=0)


def read_schedule(
    path: Path, name: str, progress: Progress, *, skip_wrong: bool = False
) -> GtfsSchedule:
    """Read and check the zip at `path`; errors call it `name`.

    With `skip_wrong`, rows that are wrong, and rows that refer to them, are left out and told in
    `ignored`, as long as the files themselves can be read.

    Raises:
        ScheduleError: with all problems that can be told in one go.
    """
    problems, ignored = Problems(), Problems()
    with GtfsZip(path, name) as source:
        tables = {}
        for done, file in enumerate(FILES):
            progress(f"reading {file.name}", done, len(FILES))
            tables[file] = read_file(source, file, problems, ignored)
        progress("reading", len(FILES), len(FILES))
        _check(tables, source, problems, ignored)
        stop_times = stop_time_columns(
            tables.pop(STOP_TIMES), tables[TRIPS], tables[STOPS], problems
        )
        nothing_left = not len(stop_times) or tables[AGENCY].right.is_empty()
        if problems and (problems.whole_files or not skip_wrong or nothing_left):
            first = problems.first(source.lines)
            raise ScheduleError(f"{name} cannot be imported:", first, len(problems))
        told = [*problems.first(source.lines), *ignored.first(source.lines)]
        stored = {file.name.removesuffix(".txt"): table.right for file, table in tables.items()}
        for numbered in ("stops", "trips"):
            stored[numbered] = stored[numbered].with_row_index("number")
        return GtfsSchedule(stored, stop_times, tuple(told), len(problems) + len(ignored))


def _check(
    tables: dict[File, GtfsTable], source: GtfsZip, problems: Problems, ignored: Problems
) -> None:
    if CALENDAR.name not in source and CALENDAR_DATES.name not in source:
        reason = f"is missing, and so is {CALENDAR_DATES.name}: no trip would ever run"
        problems.add(Problem(CALENDAR.name, None, None, None, reason))
    _check_timezones(tables[AGENCY], problems)
    _forget_unknown_parents(tables[STOPS], ignored)
    tables[TRIPS].mark_unknown("route_id", tables[ROUTES], problems)
    tables[FREQUENCIES].mark_unknown("trip_id", tables[TRIPS], problems)


def _forget_unknown_parents(stops: GtfsTable, ignored: Problems) -> None:
    """A platform whose station is not there stands for itself."""
    orphans = absent(stops.values["parent_station"], stops.right["stop_id"])
    stops.note(orphans, ("parent_station",), f"is not in {STOPS.name}", ignored)
    parent = pl.when(~orphans).then("parent_station").alias("parent_station")
    stops.values = stops.values.with_columns(parent)


def _check_timezones(agencies: GtfsTable, problems: Problems) -> None:
    zones = agencies.values["agency_timezone"]
    known = [zone for zone in zones.drop_nulls().unique(maintain_order=True) if _is_timezone(zone)]
    unknown = zones.is_not_null() & ~zones.is_in(known, nulls_equal=True)
    reason = "is no time zone of the IANA database"
    agencies.mark(unknown, ("agency_timezone",), reason, problems)
    reason = "is not the time zone of the first agency: a schedule has only one"
    agencies.mark(zones.is_in(known[1:], nulls_equal=True), ("agency_timezone",), reason, problems)


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
