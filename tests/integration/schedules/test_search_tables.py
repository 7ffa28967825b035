"""The search tables follow the schedules: made by an import, by a migration for what was there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feeds.gtfs.schedule_import import import_schedule
from gateway.database import Database
from gateway.stop_finder import StopFinder
from gateway.stop_search import StopSearch
from schemas import database
from schemas.database import Connection
from tests.small_city import SMALL_CITY

Write = Callable[..., Path]

# What revision 0003 made, undone.
BEFORE = """
DROP TABLE search_stops, search_words, stop_routes;
DROP INDEX stops_parent_station_idx;
UPDATE alembic_version SET version_num = '0002'
"""


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone waits for a search, these tests may wait for longer."""
    monkeypatch.setattr("gateway.database.TIMEOUT", 60.0)


async def found(url: str, q: str) -> list[str]:
    opened = Database(url)
    try:
        positions = await StopFinder(opened, StopSearch.model_validate({"q": q})).find()
        return [position.stop_id for position in positions]
    finally:
        await opened.close()


async def test_a_migration_makes_what_was_imported_before_it_findable(
    gtfs_zip: Write, connection: Connection, migrated_url: str
) -> None:
    for feed_id in ("one", "two"):
        await import_schedule(str(gtfs_zip()), feed_id, connection)
    routes = await connection.fetch("SELECT stop, route_id FROM stop_routes ORDER BY 1, 2")
    entries = await connection.fetch("SELECT * FROM search_stops ORDER BY stop_id")
    words = await connection.fetch("SELECT * FROM search_words ORDER BY version, word")
    assert routes
    assert entries
    assert words
    await connection.execute(BEFORE)
    assert await database.migrate(migrated_url) == ("0002", "0003")
    assert await connection.fetch("SELECT stop, route_id FROM stop_routes ORDER BY 1, 2") == routes
    assert await connection.fetch("SELECT * FROM search_stops ORDER BY stop_id") == entries
    assert await connection.fetch("SELECT * FROM search_words ORDER BY version, word") == words
    assert await found(migrated_url, "alhpa") == ["one:a", "two:a"]


async def test_only_the_active_versions_are_searched(
    gtfs_zip: Write, connection: Connection, migrated_url: str
) -> None:
    await import_schedule(str(gtfs_zip()), "city", connection)
    async with database.connect(migrated_url) as reader, reader.transaction():
        await reader.fetch(
            "SELECT * FROM search_stops, search_words"
        )  # keeps them from being dropped
        changed = gtfs_zip({"stops.txt": SMALL_CITY["stops.txt"].replace("Alpha", "Omega")})
        await import_schedule(str(changed), "city", connection)
        assert await connection.fetchval("SELECT count(DISTINCT version) FROM search_stops") == 2
        assert await found(migrated_url, "alpha") == []
        assert await found(migrated_url, "omega") == ["city:a"]
        assert await found(migrated_url, "alhpa") == []
