"""Postgres: connecting to it, and bringing its schema up to date."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import as_file, files
from io import StringIO
from typing import NamedTuple, TypeAlias

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from schemas import server_url
from schemas.errors import StopcastError
from schemas.search.stored import build_missing

# Seconds for Postgres to take its leave; a machine without a moment to spare takes longer.
CLOSE_TIMEOUT = 5.0
MIGRATION_LOCK = 0x53544F50  # any number that nothing else locks; two release commands take turns

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class DatabaseError(StopcastError):
    """Postgres cannot be reached, refuses us, or lacks our schema; the text says where and why."""


class Migration(NamedTuple):
    """What `migrate` did: the revision before (None for an empty database) and after."""

    before: str | None
    after: str


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Connection]:
    """Open one connection, closed at the end of the block.

    Raises:
        DatabaseError: names the server (never the password) and the reason, also for whatever
            Postgres refuses within the block.
    """
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = why(error, url)
        raise DatabaseError(f"cannot connect to Postgres at {shown(url)}: {reason}") from None
    try:
        yield connection
    except asyncpg.UndefinedTableError as error:
        raise DatabaseError(f"{shown(url)}: {error}: run `stopcast db migrate`") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(f"{shown(url)}: {error}") from error
    finally:
        await _close(connection)


async def _close(connection: Connection) -> None:
    """As told, or without Postgres's consent: what was asked has been answered by now."""
    with suppress(OSError):  # TimeoutError is one; asyncpg has dropped the connection by then
        await connection.close(timeout=CLOSE_TIMEOUT)


def shown(url: str) -> str:
    """The URL as an error may show it: without the password."""
    return server_url.shown(url) or (
        "a DATABASE_URL that is no URL (postgresql://user:password@host:port/database)"
    )


def why(error: Exception, url: str) -> str:
    """What an error of asyncpg says, if it may be shown."""
    if isinstance(error, ValueError):
        return server_url.fault(error, url)
    return str(error) or type(error).__name__


async def migrate(url: str) -> Migration:
    """Bring the schema to the newest revision, in one transaction.

    Then what a search looks at is made for the schedules that lack it.

    Raises:
        DatabaseError: Postgres cannot be reached, or was migrated by a newer Stopcast.
    """
    async with connect(url) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        before = await _revision(connection)
        with as_file(files("schemas") / "migrations") as folder:
            sql = StringIO()
            config = Config(output_buffer=sql)
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            script = ScriptDirectory.from_config(config)
            after = script.get_current_head()
            known = {revision.revision for revision in script.walk_revisions()}
            if before is not None and before not in known:
                raise DatabaseError(
                    f"{shown(url)} is at revision {before}, which this Stopcast does not know: "
                    "it was migrated by a newer one"
                )
            if before != after:
                command.upgrade(config, f"{before}:head" if before else "head", sql=True)
                await connection.execute(sql.getvalue())
        await build_missing(connection)
    return Migration(before, str(after))


async def _revision(connection: Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision
