"""`stopcast feeds import`."""

import asyncio

import click

from feeds.commands.bars import bar
from feeds.gtfs.schedule_import import ImportResult, import_schedule
from schemas import database
from schemas.settings import Settings

EPILOG = """
\b
From a file, then again from where the agency publishes it:
  stopcast feeds import gtfs.zip --feed metro
  stopcast feeds import https://example.org/gtfs.zip --feed metro
"""


@click.command("import", epilog=EPILOG)
@click.argument("source")
@click.option(
    "--feed",
    "feed_id",
    required=True,
    help="The feed's id: a-z, 0-9, _ and -. It is the first part of every stop's global id.",
)
@click.option(
    "--skip-wrong",
    is_flag=True,
    help="Leave out rows that are wrong, and tell them, instead of refusing the schedule.",
)
@click.option("--database-url", help="PostgreSQL 15+. Default: DATABASE_URL.")
def import_(source: str, feed_id: str, *, skip_wrong: bool, database_url: str | None) -> None:
    """Import a GTFS schedule: SOURCE is the path or URL of its zip.

    It becomes a new version beside the active one, which serves until the moment of the switch; a
    running ingester switches by itself. A source that has not changed since is not imported again.
    If anything is wrong, all of it is told at once and the active version stands.
    """
    url = database_url or Settings.load().database_url.get_secret_value()
    result = asyncio.run(_import(url, source, feed_id, skip_wrong=skip_wrong))
    click.echo(_summary(result))
    if result.ignored_total:
        click.echo(f"left out what is wrong, {result.ignored_total:,} in all:", err=True)
        for problem in result.ignored:
            click.echo(f"  {problem}", err=True)
        if more := result.ignored_total - len(result.ignored):
            click.echo(f"  and {more:,} more", err=True)


async def _import(url: str, source: str, feed_id: str, *, skip_wrong: bool) -> ImportResult:
    async with database.connect(url) as connection:
        with bar() as show:
            return await import_schedule(
                source, feed_id, connection, progress=show, skip_wrong=skip_wrong
            )


def _summary(result: ImportResult) -> str:
    if not result.changed:
        return f"unchanged: {result.feed_id} has this schedule already, as version {result.version}"
    named = ("agency", "stops", "routes", "trips", "stop_times")
    counts = ", ".join(f"{result.counts[name]:,} {name}" for name in named)
    return (
        f"imported {result.feed_id} as version {result.version} in {result.seconds:.1f} s: {counts}"
    )
