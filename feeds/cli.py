"""`stopcast feeds …`: each command is a module in feeds/commands/."""

import click

from schemas.command_line import LazyGroup

COMMANDS = {
    "import": ("feeds.commands.import_:import_", "A GTFS zip (path or URL) into Postgres."),
    "ingest": ("feeds.commands.ingest:ingest", "Poll the feeds of stopcast.toml and publish."),
    "board": ("feeds.commands.board:board", "Run the pipeline once and print boards."),
    "check": ("feeds.commands.check:check", "Run the pipeline once and report what is wrong."),
    "forget": ("feeds.commands.forget:forget", "Remove a feed that is not ingested any more."),
    "simulate": ("feeds.commands.simulate:simulate", "A live GTFS-RT source made from a schedule."),
    "replay": ("feeds.commands.replay:replay", "Recorded captures as a live GTFS-RT source."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def feeds() -> None:
    """Read agencies' feeds: schedules (GTFS) and realtime (GTFS-Realtime)."""
