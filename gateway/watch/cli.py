"""`stopcast watch`."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress

import click
from rich.console import Console

from gateway.watch.display import print_once, show
from gateway.watch.follower import Follower, WatchError
from schemas.command_line import GlobalStopId
from schemas.tasks import end

# Seconds for --once, whatever the gateway does meanwhile.
_PATIENCE = 30.0

EPILOG = """
\b
Two stops of the demo city:
  stopcast watch demo:EMBR demo:MONT
A stop of a deployment, once, for a script or a mail:
  stopcast watch mbta:70061 --url https://boards.example.org --once
Without installing anything:
  curl -N "https://boards.example.org/v1/stops/mbta:70061/watch?width=$COLUMNS&height=$LINES"
"""


@click.command(epilog=EPILOG)
@click.argument("stops", metavar="STOP...", type=GlobalStopId(), nargs=-1, required=True)
@click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    envvar="STOPCAST_URL",
    show_envvar=True,
    help="Where the gateway is reached.",
)
@click.option(
    "--token", envvar="STOPCAST_TOKEN", show_envvar=True, help="Sent as Authorization: Bearer."
)
@click.option("--once", is_flag=True, help="Print the boards as they stand, and end.")
def watch(*, stops: Sequence[str], url: str, token: str | None, once: bool) -> None:
    """Show the boards of stops in this terminal, live.

    STOP is <feed>:<stop_id>. Reads the public stream, as a phone does: it resumes after a loss, and
    counts down by the clock of the board, not by this machine's. Ctrl-C ends it.
    """
    console = Console()
    if once:
        asyncio.run(_once(stops, url, token, console))
    elif console.is_terminal:
        asyncio.run(_watch(stops, url, token, console))
    else:
        raise click.UsageError("standard output is no terminal: use --once")


async def _watch(stops: Sequence[str], url: str, token: str | None, console: Console) -> None:
    async with Follower.of(url, token, stops) as follower:
        following = asyncio.create_task(follower.run())
        showing = asyncio.create_task(show(follower, console))
        tasks = {following, showing}
        stopped = asyncio.create_task(_for_ever())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.cancel)
        try:
            done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end([*tasks, stopped])
        for task in done & tasks:
            task.result()  # why it could not go on


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def _once(stops: Sequence[str], url: str, token: str | None, console: Console) -> None:
    async with Follower.of(url, token, stops) as follower:
        following = asyncio.create_task(follower.run())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await _until_complete(follower, following)
        finally:
            await end([following])
        if not follower.complete:
            raise WatchError(f"no boards from {url}: {follower.state}")
        print_once(follower, console)


async def _until_complete(follower: Follower, following: asyncio.Task[None]) -> None:
    """Returns early where nothing answers; raises what `following` raises."""
    while not follower.complete and not follower.lost:
        follower.changed.clear()
        changed = asyncio.create_task(follower.changed.wait())
        await asyncio.wait({changed, following}, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        if following.done():
            following.result()
