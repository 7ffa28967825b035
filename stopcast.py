"""The front door: one command, `stopcast`, and where each of its parts lives.

Subcommands are named by import string and imported when they are called, so that feeds and
gateway never meet in one process unless a user asks for both, and `--help` stays quick.
"""

import sys
from importlib import import_module
from typing import Any

import click

from schemas.errors import StopcastError

COMMANDS = {
    "up": ("schemas.up:up", "Run everything on this machine: databases, demo city or your feeds."),
    "gateway": ("gateway.cli:gateway", "Serve the boards: streams, plain requests, the page."),
    "feeds": ("feeds.cli:feeds", "Read agencies' feeds: import, ingest, simulate, replay, board."),
    "db": ("schemas.database_cli:db", "The Postgres schema: migrate."),
}


class Door(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Door, context_settings={"help_option_names": ["-h", "--help"]})
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
