"""`stopcast load`."""

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

import click
import orjson
import uvloop

from gateway.load.clock import Clock
from gateway.load.deployment import Deployment, LoadError
from gateway.load.progress import Progress
from gateway.load.report import report, tables
from gateway.load.run import Plan, Run
from schemas.command_line import GlobalStopId
from schemas.console import plain_console

EXIT_CODES = {"right": 0, "wrong": 1, "unusable": 2}

# This is for looking at one's own deployment, not for putting load on anyone's: about what one
# process can read at the pace of real feeds. Who needs more runs it from several machines.
MOST_CONNECTIONS = 5000
MOST_PER_SECOND = 500
LONGEST = 3600

_SPARE_FILES = 64
# Boards are no cycles: to look for some among a million objects took 0.3 s, in the middle of a run.
_GC_THRESHOLDS = (100_000, 20, 100)

EPILOG = """
\b
A hundred streams of stops that the deployment lists, for half a minute:
  stopcast load http://127.0.0.1:8000
A thousand, of 5 stops each, for 5 minutes, for a machine to read:
  stopcast load https://boards.example.org --connections 1000 --stops-per-stream 5 --duration 300 --json
The stops of a file, one a line:
  stopcast load https://boards.example.org --stops stops.txt
\b
Exit code: 0 all boards that could be compared were right, 1 something was wrong (a board, a gap, an
answer that cannot be read), 2 nothing could be compared. Ctrl-C ends a run early, with its report.
"""


class Header(click.ParamType[tuple[str, str]]):
    """NAME: VALUE."""

    name = "header"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        name, colon, text = str(value).partition(":")
        if not (colon and name and name.isascii() and str(value).isprintable()):
            self.fail(f"{value!r} is no header: expected 'NAME: VALUE'", param, ctx)
        return name.strip(), text.strip()


@click.command(epilog=EPILOG)
@click.argument("url")
@click.option(
    "--connections",
    type=click.IntRange(1, MOST_CONNECTIONS),
    default=100,
    show_default=True,
    help="Streams.",
)
@click.option(
    "--ramp",
    type=click.FloatRange(0, MOST_PER_SECOND, min_open=True),
    default=50,
    show_default=True,
    help="Streams opened a second.",
)
@click.option(
    "--duration",
    type=click.FloatRange(0, LONGEST, min_open=True),
    default=30,
    show_default=True,
    help="Seconds for which all of them are held.",
)
@click.option(
    "--stop", "named", type=GlobalStopId(), multiple=True, help="Follow this stop. Repeatable."
)
@click.option(
    "--stops",
    "file",
    type=click.File(),
    help="Follow the stops of this file, one a line; -: of standard input.",
)
@click.option(
    "--sample",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Without --stop and --stops: so many, evenly out of the first 1000 of GET /v1/stops and their platforms.",
)
@click.option(
    "--stops-per-stream",
    type=click.IntRange(1, 50),
    default=1,
    show_default=True,
    help="Stops that each stream follows.",
)
@click.option("--no-gzip", is_flag=True, help="Ask for plain text.")
@click.option(
    "--header",
    "headers",
    type=Header(),
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Send this header with every request, say Authorization. Repeatable.",
)
@click.option(
    "--clock-offset",
    type=float,
    metavar="SECONDS",
    help="How far the clock of the ingester's host is ahead of this one; guessed if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
def load(
    *,
    url: str,
    connections: int,
    ramp: float,
    duration: float,
    named: Sequence[str],
    file: TextIO | None,
    sample: int,
    stops_per_stream: int,
    no_gzip: bool,
    headers: Sequence[tuple[str, str]],
    clock_offset: float | None,
    as_json: bool,
) -> None:
    """Open many streams of a deployment and check what they bring.

    URL is where its gateways are reached. Every stream keeps its boards as a phone does, resuming
    when it is cut; in the end they are compared with what the deployment itself says. Meant for your
    own deployment.
    """
    gc.set_threshold(*_GC_THRESHOLDS)
    stops = list(dict.fromkeys([*named, *_lines(file)]))

    async def main() -> Run:
        async with Deployment(
            url, headers=dict(headers), compressed=not no_gzip, clock=Clock(clock_offset)
        ) as deployment:
            chosen = stops or await deployment.stops(sample)
            if stops:
                await deployment.board(stops[0])  # better one error than one of every stream
            plan = Plan(chosen, connections, ramp, duration, stops_per_stream)
            with Progress() as progress:
                run = Run(plan, deployment, progress.show)
                asyncio.get_running_loop().add_signal_handler(signal.SIGINT, run.stop)
                await run.run()
            return run

    try:
        _raise_file_limit(connections)
        told = report(uvloop.run(main()))
    except LoadError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        sys.exit(EXIT_CODES["unusable"])
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        plain_console().print(*tables(told), sep="\n")
    sys.exit(EXIT_CODES[told["verdict"]])


def _lines(file: TextIO | None) -> list[str]:
    """The stop ids of a file; empty lines and those after a # are left out."""
    lines = [line.strip() for line in file or ()]
    return [GlobalStopId().convert(line, None, None) for line in lines if line and line[0] != "#"]


def _raise_file_limit(connections: int) -> None:
    """A stream is an open file.

    Raises:
        LoadError: the system does not grant as many.
    """
    needed = connections + _SPARE_FILES
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < needed:
        raise LoadError(f"{connections} streams need {needed} open files; the limit is {most}")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
