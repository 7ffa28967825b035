"""Versions of a schedule in Postgres: a new one is filled beside the active one, then switched to.

Everything up to the switch is one transaction, so that a crash leaves nothing behind and a reader
sees either the old version or the new one (docs/decisions/0002).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import NamedTuple

import asyncpg
import polars as pl
import structlog

from feeds.gtfs import stop_time_records
from feeds.gtfs.schedule import GtfsSchedule, Progress
from feeds.gtfs.source import Source
from feeds.gtfs.stop_times import StopTimeColumns
from feeds.timetable.stored_schedule import TABLES
from schemas.database import Connection
from schemas.search import stored as search

STEP = "storing stop_times"
log = structlog.get_logger()


class Active(NamedTuple):
    """The version that a feed has now, and what it was made of."""

    version: int
    source: Source


async def active(connection: Connection, feed_id: str) -> Active | None:
    """What is active; None if the feed was never imported."""
    row = await connection.fetchrow(
        "SELECT version, source, sha256, etag, last_modified FROM schedules WHERE feed_id = $1",
        feed_id,
    )
    return None if row is None else Active(row["version"], Source(*row[1:]))


async def confirm(connection: Connection, feed_id: str, source: Source) -> None:
    """The active version is also what `source` has now: the next request can ask for what is newer."""
    await connection.execute(
        "UPDATE schedules SET source = $2, etag = $3, last_modified = $4 WHERE feed_id = $1",
        feed_id,
        source.name,
        source.etag,
        source.last_modified,
    )


async def feeds(connection: Connection) -> list[str]:
    """The feeds that have a schedule."""
    rows = await connection.fetch("SELECT feed_id FROM schedules ORDER BY feed_id")
    return [row["feed_id"] for row in rows]


async def stop_ids(connection: Connection, feed_id: str) -> set[str]:
    """All stops of a feed's active version."""
    rows = await connection.fetch(
        "SELECT stop_id FROM stops JOIN schedules USING (version) WHERE feed_id = $1", feed_id
    )
    return {row["stop_id"] for row in rows}


async def size(connection: Connection, version: int) -> int:
    """Bytes on disk of a version's partitions, indexes included."""
    found: int = await connection.fetchval(
        "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint"
        " FROM unnest($1::text[]) AS name",
        [f"{table}_v{version}" for table in (*TABLES, *search.TABLES)],
    )
    return found


@asynccontextmanager
async def alone(connection: Connection, feed_id: str) -> AsyncIterator[None]:
    """Nobody else changes which version the feed has, until the block ends."""
    key = f"stopcast schedule {feed_id}"
    await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", key)
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)


async def store(
    connection: Connection,
    feed_id: str,
    source: Source,
    schedule: GtfsSchedule,
    progress: Progress,
) -> int:
    """Store a new version and make it the active one; its number."""
    async with connection.transaction():
        version: int = await connection.fetchval("SELECT nextval('schedule_versions')::integer")
        for table in TABLES:
            await connection.execute(
                f"CREATE TABLE {table}_v{version} (LIKE {table} INCLUDING ALL,"
                f" CHECK (version = {version}));"  # proves to ATTACH that it need not look
                f"ALTER TABLE {table}_v{version} ALTER version SET DEFAULT {version}"
            )
        await _copy(connection, version, schedule, progress)
        # Without statistics the join of timetable_at is a nested loop: 1.7 s for 20,000 rows.
        await connection.execute(f"ANALYZE trips_v{version}; ANALYZE stop_times_v{version}")
        for table in TABLES:
            await connection.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {table}_v{version} FOR VALUES IN ({version})"
            )
        await search.build(connection, feed_id, version)
        await _activate(connection, feed_id, version, source, schedule.last_time)
    await drop_inactive(connection)
    return version


async def remove(connection: Connection, feed_id: str) -> bool:
    """The feed has no schedule from here on; False: its tables are still there, as below."""
    await connection.execute("DELETE FROM schedules WHERE feed_id = $1", feed_id)
    return await drop_inactive(connection)


async def drop_inactive(connection: Connection) -> bool:
    """Drop the partitions of versions that no feed has active.

    False: a reader held one of them for more than a second; the next import tries again.
    """
    rows = await connection.fetch(
        """
        SELECT part.relname FROM pg_inherits
        JOIN pg_class part ON part.oid = inhrelid AND part.relkind = 'r'
        JOIN pg_class whole ON whole.oid = inhparent
        WHERE whole.relname = ANY($1)
        AND substring(part.relname from '_v([0-9]+)$')::integer NOT IN
            (SELECT version FROM schedules)
        ORDER BY array_position($1, whole.relname::text)
        """,
        [*TABLES, *search.TABLES],
    )
    if not rows:
        return True
    names = ", ".join(row["relname"] for row in rows)
    try:
        async with connection.transaction():
            # Who comes after us in the queue for these locks waits for as long as we do.
            await connection.execute(f"SET LOCAL lock_timeout = '1s'; DROP TABLE {names}")
    except (asyncpg.LockNotAvailableError, asyncpg.UndefinedTableError) as error:
        log.info("old_schedule_kept", tables=names, reason=str(error))
        return False
    return True


async def _copy(
    connection: Connection, version: int, schedule: GtfsSchedule, progress: Progress
) -> None:
    headsigns = pl.DataFrame({"stop_headsign": schedule.stop_times.headsigns})
    tables = schedule.tables | {"stop_headsigns": headsigns.with_row_index("number")}
    for name, table in tables.items():
        await connection.copy_to_table(
            f"{name}_v{version}",
            # Texts are quoted: nothing in them can be taken for the end of a row or of the data.
            source=BytesIO(
                table.write_csv(include_header=False, quote_style="non_numeric").encode()
            ),
            columns=table.columns,
            format="csv",
        )
    await connection.copy_to_table(
        f"stop_times_v{version}",
        source=_binary(schedule.stop_times, progress),
        columns=list(stop_time_records.FIELDS),
        format="binary",
    )


async def _binary(stop_times: StopTimeColumns, progress: Progress) -> AsyncIterator[bytes]:
    done = 0
    for data, rows in stop_time_records.encoded(stop_times.columns):
        yield data
        done += rows
        progress(STEP, done, len(stop_times))


async def _activate(
    connection: Connection, feed_id: str, version: int, source: Source, last_time: int
) -> None:
    await connection.execute(
        """
        INSERT INTO schedules
            (feed_id, version, source, sha256, etag, last_modified, last_time, imported_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, now())
        ON CONFLICT (feed_id) DO UPDATE SET
            version = excluded.version, source = excluded.source, sha256 = excluded.sha256,
            etag = excluded.etag, last_modified = excluded.last_modified,
            last_time = excluded.last_time, imported_at = excluded.imported_at
        """,
        feed_id,
        version,
        source.name,
        source.sha256,
        source.etag,
        source.last_modified,
        last_time,
    )
