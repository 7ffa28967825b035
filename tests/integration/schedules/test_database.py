import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from schemas import database
from schemas.database import DatabaseError
from schemas.database_cli import db


async def test_migrating_goes_to_the_newest_revision_and_then_does_nothing(
    empty_url: str,
) -> None:
    first = await database.migrate(empty_url)
    assert first.before is None
    assert await database.migrate(empty_url) == (first.after, first.after)


async def test_two_releases_at_once_take_turns(empty_url: str) -> None:
    migrations = await asyncio.gather(*(database.migrate(empty_url) for _ in range(3)))
    assert sorted(migration.before is None for migration in migrations) == [False, False, True]


async def test_a_database_from_the_future_is_left_alone(migrated_url: str) -> None:
    async with database.connect(migrated_url) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="revision 9999, which this Stopcast does not know"):
        await database.migrate(migrated_url)


async def test_a_database_without_our_schema_says_what_to_do(empty_url: str) -> None:
    with pytest.raises(DatabaseError, match="run `stopcast db migrate`"):
        async with database.connect(empty_url) as connection:
            await connection.fetch("SELECT * FROM schedules")


async def test_what_was_asked_stands_also_if_postgres_takes_no_leave(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CLOSE_TIMEOUT", 0.05)
    async with that_never_hangs_up(migrated_url) as url, database.connect(url) as connection:
        answer = await connection.fetchval("SELECT 1")
    assert answer == 1


@asynccontextmanager
async def that_never_hangs_up(url: str) -> AsyncIterator[str]:
    """A way to the same database, which stays open when Postgres has closed its end."""
    there = make_url(url)
    folder = there.query["host"]  # of the embedded server's Unix socket

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = f"{folder}/.s.PGSQL.5432"
        server_reader, server_writer = await asyncio.open_unix_connection(path)
        with suppress(ConnectionError):  # the client may end it rudely
            await asyncio.gather(pump(reader, server_writer), pump(server_reader, writer))
        for end in (server_writer, writer):
            end.close()
        relayed.set()

    relayed = asyncio.Event()
    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    here = there.set(host="127.0.0.1", port=port, query={})
    async with server:
        yield here.render_as_string(hide_password=False)
        await relayed.wait()


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:secret@127.0.0.1:1/city", "mysql://me:secret@127.0.0.1/city", "city"],
)
async def test_an_error_tells_where_and_why_and_never_the_password(url: str) -> None:
    with pytest.raises(DatabaseError, match="Postgres at") as caught:
        async with database.connect(url):
            pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["it broke", ""])
def test_a_connection_that_broke_is_told_as_any_other(text: str) -> None:
    told = f"Postgres at postgresql://db/city: {text or 'InternalClientError'}"
    with pytest.raises(DatabaseError, match=told), database.errors("postgresql://db/city"):
        raise asyncpg.InternalClientError(text)


def test_a_file_of_the_block_is_no_fault_of_postgres() -> None:
    with pytest.raises(FileNotFoundError), database.errors("postgresql://db/city"):
        raise FileNotFoundError


async def test_the_command_tells_what_it_did(empty_url: str) -> None:
    command = ["migrate", "--database-url", empty_url]
    runs = [await asyncio.to_thread(CliRunner().invoke, db, command) for _ in range(2)]
    assert [run.exit_code for run in runs] == [0, 0]
    assert "from nothing to 0003" in runs[0].output
    assert runs[1].output.startswith("nothing to do: ")
