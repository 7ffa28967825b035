"""`stopcast feeds replay`."""

from datetime import UTC, datetime
from time import time as wall_time

import click
from rich.console import Console
from rich.progress import track

from feeds.commands.moment import MOMENT
from feeds.sources.recording import Playing, Recording, Stepping
from feeds.sources.replay import find_captures, playing_app, read_recording, stepping_app
from feeds.sources.source import listen, serve, urls

EPILOG = """
\b
One feed in one folder, twenty times as fast:
  stopcast feeds replay --speed 20 captures/
Trip updates and vehicles, recorded into the same folder:
  stopcast feeds replay 'trips=day/trip_update_*.json' 'vehicles=day/vehicle_*.json'
Step by step, for a test:
  stopcast feeds replay --step captures/ &  curl -X POST http://127.0.0.1:9001/step
"""


@click.command(epilog=EPILOG)
@click.argument("paths", metavar="[NAME=]PATH...", nargs=-1, required=True)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Recorded seconds per second.",
)
@click.option("--start", type=MOMENT, help="Begin at this recorded time (RFC 3339 or POSIX).")
@click.option("--step", is_flag=True, help="Stand still; `POST /step` goes to the next capture.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=9001, show_default=True, help="0 takes a free one.")
def replay(
    *, paths: tuple[str, ...], speed: float, start: float | None, step: bool, host: str, port: int
) -> None:
    """Serve recorded GTFS-Realtime captures over HTTP as if they happened now.

    PATH is a file, a folder or a quoted pattern of captures, binary or JSON. They are served at
    `/`, or at `/NAME`, in the order of their header timestamps and at their own pace; gaps above 5
    minutes are shortened to one interval. After the last one the clock stands.

    Each answer tells the recording's time in `X-Stopcast-Clock` (also `GET /clock`): an endpoint
    with `clock = true` in stopcast.toml makes its feed's boards as of that time. `?format=json`
    shows a message as text.
    """
    console = Console(stderr=True)
    files = find_captures(paths)
    bar = track(files, "Reading", console=console, transient=True, disable=not console.is_terminal)
    recording = read_recording(bar)
    begin = recording.moments[0] if start is None else start
    listener = listen(host, port)
    describe(recording)
    for url in urls(recording.names, listener):
        click.echo(url)
    if step:
        app = stepping_app(Stepping.at(recording, begin))
    else:
        app = playing_app(Playing(recording, wall_time(), speed, recording.played(begin)))
    serve(app, listener)


def describe(recording: Recording) -> None:
    first, last = (datetime.fromtimestamp(recording.moments[i], UTC) for i in (0, -1))
    count = sum(len(captures) for captures in recording.series.values())
    click.echo(
        f"{count} captures from {first:%Y-%m-%d %H:%M:%SZ} to {last:%Y-%m-%d %H:%M:%SZ}, "
        f"one every {recording.interval:g} s:"
    )
