"""Postgres: connecting to it, and bringing its schema up to date."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.resources import as_file, files
from io import StringIO
from typing import NamedTuple, TypeAlias

import asyncpg

from schemas import server_url
from schemas.errors import StopcastError, reason
from schemas.search.stored import build_missing

# Seconds for Postgres to take its leave; a machine without a moment to spare takes longer.
CLOSE_TIMEOUT = 5.0
MIGRATION_LOCK = 0x53544F50  # any number that nothing else locks; two release commands take turns
# What connecting raises besides: a URL that is none, a server that does not answer (in time).
UNREACHABLE = OSError, ValueError
_OF_ASYNCPG = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that broke while it was being set up
)

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
    with errors(url, *UNREACHABLE):
        connection = await asyncpg.connect(url, timeout=10)
    try:
        with errors(url):
            yield connection
    finally:
        await _close(connection)


@contextmanager
def errors(url: str, *others: type[Exception]) -> Iterator[None]:
    """Turn what asyncpg raises in the block into a DatabaseError, and `others` where asked for.

    Raises:
        DatabaseError: names the server (never the password) and the reason.
    """
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        told = f"{error}: run `stopcast db migrate`"
        raise DatabaseError(f"Postgres at {shown(url)}: {told}") from None
    except _OF_ASYNCPG + others as error:
        raise DatabaseError(f"Postgres at {shown(url)}: {_why(error, url)}") from None


async def _close(connection: Connection) -> None:
    """As told, or without Postgres's consent: what was asked has been answered by now."""
    with suppress(OSError):  # TimeoutError is one; asyncpg has dropped the connection by then
        await connection.close(timeout=CLOSE_TIMEOUT)


def shown(url: str) -> str:
    """The URL as an error may show it: without the password."""
    return server_url.shown(url) or (
        "a DATABASE_URL that is no URL (postgresql://user:password@host:port/database)"
    )


def _why(error: Exception, url: str) -> str:
    """What an error of asyncpg says, if it may be shown."""
    return server_url.fault(error, url) if isinstance(error, ValueError) else reason(error)


async def migrate(url: str) -> Migration:
    """Bring the schema to the newest revision, in one transaction.

    Then what a search looks at is made for the schedules that lack it.

    Raises:
        DatabaseError: Postgres cannot be reached, or was migrated by a newer Stopcast.
    """
    # 20 MB, which the processes that only connect need not hold.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

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
