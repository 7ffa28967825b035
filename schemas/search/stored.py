"""The search tables of a version in Postgres: made of its stops, trips and stop_times."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg

from schemas.search.entries import Entry, StoredStop, Word, entries

TABLES = ("stop_routes", "search_stops", "search_words")
"""Partitioned by version, as the schedule's own."""

_BATCH = 10_000  # rows of one piece of a COPY

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Entrances, nodes and boarding areas have no board. A parent that is no station has none to fold into.
_STOPS = """
WITH boards AS (
    SELECT s.number, s.stop_id, s.stop_name, s.stop_code, s.location_type, s.stop_lat, s.stop_lon,
           station.stop_id AS station, coalesce(station.number, s.number) AS entry
    FROM stops_v{version} s
    LEFT JOIN stops_v{version} station
        ON station.stop_id = s.parent_station AND station.location_type = 1
        AND s.location_type = 0
    WHERE s.location_type IN (0, 1)
), routes AS (
    SELECT entry, count(DISTINCT route_id)::integer AS routes
    FROM boards JOIN stop_routes_v{version} ON stop = number GROUP BY entry
)
SELECT stop_id, stop_name, stop_code, location_type, station, stop_lat, stop_lon,
       coalesce(routes, 0)
FROM boards LEFT JOIN routes ON routes.entry = boards.number
ORDER BY number
"""


async def build(connection: Connection, feed_id: str, version: int) -> None:
    """Make and fill the partitions of a version whose schedule stands in its own partitions.

    Within a transaction of the caller's. The indexes are made at the end, of the whole: much faster
    than row by row.
    """
    for table in TABLES:
        await connection.execute(
            f"CREATE TABLE {table}_v{version} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES,"
            f" CHECK (version = {version}));"
            f"ALTER TABLE {table}_v{version} ALTER version SET DEFAULT {version}"
        )
    await connection.execute(
        f"INSERT INTO stop_routes_v{version} (stop, route_id)"  # noqa: S608  # a number of ours
        f" SELECT DISTINCT st.stop, t.route_id FROM stop_times_v{version} st"
        f" JOIN trips_v{version} t ON t.number = st.trip;"
        f"ANALYZE stops_v{version}; ANALYZE stop_routes_v{version}"  # else it joins row by row
    )
    rows = await connection.fetch(_STOPS.format(version=version))
    found, words = await asyncio.to_thread(entries, feed_id, [StoredStop(*row) for row in rows])
    await _copy(connection, f"search_stops_v{version}", Entry._fields, found)
    await _copy(connection, f"search_words_v{version}", Word._fields, words)
    for table in TABLES:
        await connection.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {table}_v{version} FOR VALUES IN ({version});"
            f"ANALYZE {table}_v{version}"
        )


async def build_missing(connection: Connection) -> None:
    """Build what versions lack that were imported before there was a search."""
    rows = await connection.fetch(
        "SELECT feed_id, version FROM schedules WHERE to_regclass('search_stops_v' || version) IS NULL"
    )
    for feed_id, version in rows:
        async with connection.transaction():
            await build(connection, feed_id, version)


async def _copy(
    connection: Connection, table: str, columns: tuple[str, ...], rows: list[Entry] | list[Word]
) -> None:
    await connection.copy_to_table(table, source=_csv(rows), columns=list(columns), format="csv")


async def _csv(rows: list[Entry] | list[Word]) -> AsyncIterator[bytes]:
    """COPY's dialect: an empty field is NULL, a quoted one a text."""
    for first in range(0, len(rows), _BATCH):
        lines = (",".join(map(_field, row)) for row in rows[first : first + _BATCH])
        yield "\n".join([*lines, ""]).encode()


def _field(value: str | int | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return "" if value is None else str(value)
