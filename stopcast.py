"""The front door: one command, `stopcast`, and where each of its parts lives."""

import sys
from typing import Any

import click

from schemas.command_line import LazyGroup
from schemas.errors import StopcastError

COMMANDS = {
    "up": ("schemas.local.up:up", "Run everything on this machine: demo city, or your feeds."),
    "gateway": ("gateway.cli:gateway", "Serve the boards: streams, plain requests, the page."),
    "feeds": ("feeds.cli:feeds", "Read agencies' feeds: import, ingest, simulate, replay, board."),
    "auth": ("gateway.auth.cli:auth", "Tokens: make one for development or a service."),
    "watch": ("gateway.watch.cli:watch", "Boards in this terminal, live."),
    "load": ("gateway.load.cli:load", "Many streams of a deployment, and whether they are right."),
    "db": ("schemas.database_cli:db", "The Postgres schema: migrate."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stopcast", message="stopcast %(version)s")
def cli() -> None:
    """Stopcast: one live departure board per stop, streamed to any number of phones.

    Start with `stopcast up`: it needs nothing else and prints a line to paste.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; our own errors end it with their text and exit code 1."""
    try:
        return cli.main(arguments, prog_name="stopcast")
    except StopcastError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
