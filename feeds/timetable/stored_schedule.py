"""The active version of a feed's schedule, as Postgres holds it."""

from feeds.timetable.stored_version import StoredVersion
from feeds.timetable.timetable import Timetable
from schemas.database import Connection

TABLES = (
    "agency",
    "stops",
    "routes",
    "trips",
    "stop_headsigns",
    "stop_times",
    "calendar",
    "calendar_dates",
    "frequencies",
    "feed_info",
    "attributions",
)
"""The tables that are partitioned by version, in the order in which locks are taken."""


async def active_version(connection: Connection, feed_id: str) -> int | None:
    """The version that is active now; None if the feed was never imported."""
    version: int | None = await connection.fetchval(
        "SELECT version FROM schedules WHERE feed_id = $1", feed_id
    )
    return version


async def timetable_at(connection: Connection, feed_id: str, moment: float) -> Timetable | None:
    """Load the service days around a moment (POSIX seconds) of the active version.

    All of it is of one version, also when an import switches meanwhile. None if the feed was never
    imported.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # Before the snapshot is taken: from here on the partitions it sees cannot be dropped.
        await connection.execute(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS SHARE MODE")
        row = await connection.fetchrow(
            "SELECT version, last_time FROM schedules WHERE feed_id = $1", feed_id
        )
        if row is None:
            return None
        stored = StoredVersion(connection, row["version"])
        return await stored.timetable(feed_id, moment, row["last_time"])
