"""`stopcast feeds forget`."""

import asyncio
import os
import socket

import click

from feeds.commands.bars import bar
from feeds.remains import Remains, Removal, find, remove
from schemas import database
from schemas.live import LiveStore
from schemas.settings import Settings

EPILOG = """
\b
What there is of it, then away with it:
  stopcast feeds forget metro
  stopcast feeds forget metro --yes
"""


@click.command(epilog=EPILOG)
@click.argument("feed_id", metavar="FEED")
@click.option("--yes", is_flag=True, help="Remove it. Otherwise it is only told what there is.")
def forget(feed_id: str, *, yes: bool) -> None:
    """Remove what is left of a feed that is not in stopcast.toml any more.

    Its boards and its state in Redis, its schedule in Postgres; whoever follows one of its stops is
    told that it is gone. A feed that an ingester owns is left alone. Reads REDIS_URL and
    DATABASE_URL.
    """
    settings = Settings.load()
    asyncio.run(_forget(settings, feed_id, yes=yes))


async def _forget(settings: Settings, feed_id: str, *, yes: bool) -> None:
    live = LiveStore.connect(settings.redis_url.get_secret_value())
    try:
        async with database.connect(settings.database_url.get_secret_value()) as connection:
            remains = await find(feed_id, connection, live)
            if not remains:
                click.echo(f"nothing is left of a feed {feed_id!r}{_others(remains)}")
                return
            click.echo(_told(remains))
            if not yes:
                click.echo("nothing was removed: --yes does it")
                return
            with bar() as show:
                owner = f"forget {socket.gethostname()}:{os.getpid()}"
                removal = await remove(feed_id, connection, live, owner, show)
            click.echo(_summary(feed_id, removal))
    finally:
        await live.close()


def _others(remains: Remains) -> str:
    return f"; there are {', '.join(remains.others)}" if remains.others else ""


def _told(remains: Remains) -> str:
    schedule = remains.schedule
    lines = [
        f"Postgres: version {schedule.version} of {schedule.source}, {schedule.size / 1e6:,.0f} MB"
        if schedule
        else "Postgres: no schedule",
        f"Redis: {remains.boards:,} boards",
    ]
    if remains.owner:
        lines[-1] += f"; owned by {remains.owner}"
    return "\n".join(f"{remains.feed_id} in {line}" for line in lines)


def _summary(feed_id: str, removal: Removal) -> str:
    kept = "" if removal.dropped else "; a reader holds its tables, which the next import drops"
    return f"removed {feed_id} and {removal.boards:,} boards of it{kept}"
