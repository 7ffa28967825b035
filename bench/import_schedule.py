"""Schedule import with hart.zip (438,421 stop_times) against the csv module and executemany.

    python bench/import_schedule.py [ZIP]

"stop_times" is that part alone, from the zip's bytes to rows in Postgres: unpacking, parsing,
checking, and storing in a table without indexes, in an embedded PostgreSQL on the same machine.
Ours numbers trips and stops and fills gaps besides; the floor only splits and converts times. Each
way runs in a process of its own, whose peak memory is told; the best of five runs counts.
"""

import asyncio
import csv
import io
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from zipfile import ZipFile

from bench.captures import CAPTURES
from feeds.gtfs import stop_time_records
from feeds.gtfs.fields import STOP_TIMES, STOPS, TRIPS
from feeds.gtfs.files import read_file
from feeds.gtfs.problems import Problems
from feeds.gtfs.schedule_import import import_schedule
from feeds.gtfs.stop_times import StopTimeColumns, stop_time_columns
from feeds.gtfs.zip import GtfsZip
from schemas import database
from schemas.database import Connection
from schemas.local import embedded

HART = CAPTURES / "transitland-lib/rt/hart.zip"

Run = Callable[[Path, Connection], Awaitable[dict[str, float]]]


async def copy(path: Path, connection: Connection) -> dict[str, float]:
    """Our way, stop_times alone; trips and stops are read before, untimed."""
    problems = Problems()
    with GtfsZip(path, path.name) as source:
        known = {file: read_file(source, file, problems, problems) for file in (STOPS, TRIPS)}
        begun = perf_counter()
        table = read_file(source, STOP_TIMES, problems, problems)
        stop_times = stop_time_columns(table, known[TRIPS], known[STOPS], problems)
    parsed = perf_counter()
    await connection.execute("DROP TABLE IF EXISTS bench; CREATE TABLE bench (LIKE stop_times)")
    await connection.execute("ALTER TABLE bench ALTER version SET DEFAULT 1")
    await connection.copy_to_table(
        "bench",
        source=pieces(stop_times),
        columns=list(stop_time_records.FIELDS),
        format="binary",
    )
    done = perf_counter()
    return {
        "rows": len(stop_times),
        "parse": parsed - begun,
        "store": done - parsed,
        "total": done - begun,
    }


async def pieces(stop_times: StopTimeColumns) -> AsyncIterator[bytes]:
    for data, _ in stop_time_records.encoded(stop_times.columns):
        yield data


def seconds(time: str) -> int:
    hours, minutes, rest = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


async def executemany(path: Path, connection: Connection) -> dict[str, float]:
    """The floor: csv.DictReader, then executemany in one transaction."""
    begun = perf_counter()
    with ZipFile(path) as archive:
        text = io.TextIOWrapper(archive.open("stop_times.txt"), "utf-8-sig", newline="")
        rows = [
            (
                row["trip_id"],
                int(row["stop_sequence"]),
                row["stop_id"],
                seconds(row["arrival_time"]),
                seconds(row["departure_time"]),
                int(row["pickup_type"] or 0),
                int(row["drop_off_type"] or 0),
            )
            for row in csv.DictReader(text)
        ]
    parsed = perf_counter()
    await connection.execute(
        "DROP TABLE IF EXISTS bench; CREATE TABLE bench (trip_id text, stop_sequence integer,"
        " stop_id text, arrival integer, departure integer, pickup smallint, drop_off smallint)"
    )
    async with connection.transaction():
        await connection.executemany("INSERT INTO bench VALUES ($1,$2,$3,$4,$5,$6,$7)", rows)
    done = perf_counter()
    return {
        "rows": len(rows),
        "parse": parsed - begun,
        "store": done - parsed,
        "total": done - begun,
    }


async def whole(path: Path, connection: Connection) -> dict[str, float]:
    """Our way, everything: all files, checks, indexes, the switch, dropping the version before."""
    await connection.execute("UPDATE schedules SET sha256 = ''")  # or nothing would be done
    result = await import_schedule(str(path), "bench", connection)
    return {"rows": result.counts["stop_times"], "total": result.seconds}


def measure(run: Run, path: Path, url: str) -> dict[str, float]:
    async def best() -> dict[str, float]:
        async with database.connect(url) as connection:
            results = [await run(path, connection) for _ in range(5)]
            return min(results, key=lambda result: result["total"])

    result = asyncio.run(best())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result | {"peak": peak, "rate": result["rows"] / result["total"]}


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HART
    runs: dict[str, Run] = {
        "stop_times, csv + executemany": executemany,
        "stop_times, ours": copy,
        "whole import, ours": whole,
    }
    print(
        f"{path.name}\n{'':32}{'parse s':>9}{'store s':>9}{'total s':>9}{'rows/s':>11}{'peak MB':>9}"
    )
    with embedded.postgres() as url:
        asyncio.run(database.migrate(url))
        for name, run in runs.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                result = process.submit(measure, run, path, url).result()
            parts = "".join(
                f"{result[part]:9.3f}" if part in result else f"{'':9}"
                for part in ("parse", "store", "total")
            )
            print(f"{name:32}{parts}{result['rate']:11,.0f}{result['peak']:9,.0f}")


if __name__ == "__main__":
    main()
