"""A feed read once: its sources from the command line, its schedule and its messages as they are now."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from feeds.config import Endpoint, Feed, read_config
from feeds.gtfs.problems import Problem
from feeds.gtfs.schedule_import import import_schedule
from feeds.ingest.fetch import Fetcher, FetchError, http_client
from feeds.realtime.captures import CaptureError, message_from_capture
from feeds.timetable.stored_schedule import timetable_at
from feeds.timetable.timetable import Timetable
from schemas.database import connect, migrate
from schemas.errors import StopcastError
from schemas.local import embedded

Command = TypeVar("Command", bound=Callable[..., Any])


class OnceError(StopcastError):
    """A feed's sources cannot be read; the text names the one and says why."""


class Schedule(NamedTuple):
    """The service days around a moment, and the rows that were left out as wrong."""

    timetable: Timetable
    ignored: Sequence[Problem]
    ignored_total: int


_OPTIONS = (
    click.option("--schedule", metavar="SOURCE", help="GTFS zip, path or URL."),
    click.option(
        "--realtime",
        metavar="FILE_OR_URL",
        multiple=True,
        help="GTFS-Realtime message, binary or JSON. Repeatable: each is an endpoint of its own.",
    ),
    click.option(
        "--config", type=click.Path(path_type=Path), help="Take the sources from a stopcast.toml."
    ),
    click.option(
        "--feed", "feed_id", help="The feed's id. Default: `feed`, or the config's first."
    ),
)


def source_options(command: Command) -> Command:
    """The options of `chosen_feed`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_feed(
    schedule: str | None,
    realtime: Sequence[str],
    config: Path | None,
    feed_id: str | None,
    named: Sequence[str] = (),
) -> tuple[str, Feed]:
    """The feed that the options describe; without --feed that of a config which is `named` first.

    Raises:
        click.UsageError: the options contradict each other, or the config has no such feed.
        ConfigError: the config cannot be used.
    """
    if (config is None) == (schedule is None):
        raise click.UsageError("give either --schedule, with --realtime, or --config")
    if config is None:
        endpoints = tuple(Endpoint(url=url) for url in realtime)
        return feed_id or "feed", Feed(schedule=schedule, endpoints=endpoints)
    if realtime:
        raise click.UsageError("--realtime goes with --schedule; --config has its own endpoints")
    feeds = read_config(config).feeds
    chosen = feed_id or next((name for name in named if name in feeds), next(iter(feeds)))
    if chosen not in feeds:
        raise click.UsageError(f"{config} has no feed {chosen}; it has {', '.join(feeds)}")
    return chosen, feeds[chosen]


async def read_messages(endpoints: Sequence[Endpoint]) -> list[bytes | OnceError]:
    """Each endpoint's message, or why there is none."""
    async with http_client() as client:
        fetchers = [Fetcher(endpoint, client) for endpoint in endpoints]
        return await asyncio.gather(*map(_read_message, fetchers))


async def _read_message(fetcher: Fetcher) -> bytes | OnceError:
    try:
        answer = await fetcher.fetch()
        return message_from_capture(answer.data or b"", fetcher.shown)
    except FetchError as error:
        return OnceError(f"{fetcher.shown}: {error}")
    except CaptureError as error:
        return OnceError(str(error))


async def read_schedule(feed_id: str, feed: Feed, now: float) -> Schedule:
    """Import the schedule into a PostgreSQL that is thrown away, without its wrong rows.

    Raises:
        OnceError: there is none.
        StopcastError: it cannot be imported.
    """
    if feed.schedule is None:
        raise OnceError(f"feed {feed_id} has no schedule")
    with ExitStack() as stack:
        url = stack.enter_context(embedded.postgres())
        await migrate(url)
        async with connect(url) as connection:
            result = await import_schedule(feed.schedule, feed_id, connection, skip_wrong=True)
            timetable = await timetable_at(connection, feed_id, now)
    if timetable is None:
        raise OnceError(f"{feed.schedule}: nothing was imported")
    return Schedule(timetable, result.ignored, result.ignored_total)
