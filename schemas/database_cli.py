"""`stopcast db …`."""

import asyncio

import click

from schemas import database
from schemas.settings import Settings


@click.group()
def db() -> None:
    """Look after the Postgres schema."""


@db.command()
@click.option("--database-url", help="PostgreSQL 15+. Default: DATABASE_URL.")
def migrate(database_url: str | None) -> None:
    """Bring the schema to the newest revision.

    Run it on every release, before the new processes start; running it again does nothing.
    """
    url = database_url or Settings.load().database_url.get_secret_value()
    before, after = asyncio.run(database.migrate(url))
    if before == after:
        click.echo(f"nothing to do: {database.shown(url)} is at revision {after}")
    else:
        click.echo(f"migrated {database.shown(url)} from {before or 'nothing'} to {after}")
