"""`stopcast feeds simulate`."""

import asyncio
from pathlib import Path
from time import time as wall_time

import click

from feeds.commands.moment import MOMENT
from feeds.sources.clock import Clock
from feeds.sources.demo.city import FEED_ID
from feeds.sources.demo.schedule import write_demo_schedule
from feeds.sources.simulate import CurrentSimulation, imported_timetable, simulate_app
from feeds.sources.source import listen, serve, urls
from feeds.timetable.timetable import Timetable
from schemas.database import connect
from schemas.settings import Settings

EPILOG = """
\b
The demo city by hand (`stopcast up` does the same):
  stopcast feeds simulate --write-schedule demo.zip
  stopcast feeds import demo.zip --feed demo
  stopcast feeds simulate
"""


@click.command(epilog=EPILOG)
@click.option("--feed", "feed_id", default=FEED_ID, show_default=True, help="An imported feed.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=9000, show_default=True, help="0 takes a free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another fate.")
@click.option(
    "--interval",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Seconds that a message stands.",
)
@click.option("--at", type=MOMENT, help="Begin at this time (RFC 3339 or POSIX) instead of now.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Simulated seconds per second.",
)
@click.option(
    "--write-schedule",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the demo city's GTFS zip there, and nothing else.",
)
def simulate(
    *,
    feed_id: str,
    host: str,
    port: int,
    seed: int,
    interval: int,
    at: float | None,
    speed: float,
    write_schedule: Path | None,
) -> None:
    """Serve a made-up GTFS-Realtime source for the schedule of a feed in Postgres.

    `/trip-updates`, `/vehicle-positions` and `/alerts`: vehicles run late, recover, bunch, skip a
    stop, some trips are canceled; alerts come and go. The same schedule, seed and time give the
    same messages. `?format=json` shows one as text.

    With --at or --speed the answers tell the simulated time in `X-Stopcast-Clock`: an endpoint with
    `clock = true` in stopcast.toml makes its feed's boards as of that time.
    """
    if write_schedule:
        _write(write_schedule)
        return
    now = wall_time()
    clock = Clock(now if at is None else at, now, speed)
    database_url = Settings.load().database_url.get_secret_value()
    listener = listen(host, port)  # first: who polls while we load waits instead of failing
    timetable = asyncio.run(_load(database_url, feed_id, clock.start))
    current = CurrentSimulation(timetable, seed, interval)
    for url in urls(current.names, listener):
        click.echo(url)
    app = simulate_app(
        current,
        database_url,
        lambda: clock.reading(wall_time()),
        announce_clock=at is not None or speed != 1,
    )
    serve(app, listener)


def _write(path: Path) -> None:
    try:
        write_demo_schedule(path)
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from None


async def _load(database_url: str, feed_id: str, time: float) -> Timetable:
    async with connect(database_url) as connection:
        return await imported_timetable(connection, feed_id, time)
