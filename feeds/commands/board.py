"""`stopcast feeds board`."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from feeds.commands.moment import MOMENT
from feeds.commands.once import (
    OnceError,
    chosen_feed,
    read_messages,
    read_schedule,
    source_options,
)
from feeds.config import Feed
from feeds.realtime.captures import message_from_capture
from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.timetable import Timetable
from schemas.errors import StopcastError

EPILOG = """
\b
What stands on a board at a recorded moment:
  stopcast feeds board A31N --schedule gtfs.zip --realtime 1707397157.pb \\
      --at 2024-02-08T12:59:17Z
And what the next poll changes:
  stopcast feeds board A31N --schedule gtfs.zip --realtime 1.pb --at 1707397157 \\
      --then 2.pb --at 1707397217
All feeds of a config, as they are now:
  stopcast feeds board mbta:70061 --config docs/examples/mbta.toml
"""


class BoardError(StopcastError):
    """A board was asked for that cannot be made."""


@click.command(epilog=EPILOG)
@click.argument("stops", metavar="STOP...", nargs=-1, required=True)
@source_options
@click.option(
    "--then", metavar="FILE", multiple=True, help="The first endpoint's next poll. Repeatable."
)
@click.option(
    "--at",
    "moments",
    type=MOMENT,
    multiple=True,
    help="The board clock: RFC 3339 or POSIX seconds. Default: now. Given again: for each --then.",
)
def board(
    *,
    stops: tuple[str, ...],
    schedule: str | None,
    realtime: tuple[str, ...],
    config: Path | None,
    feed_id: str | None,
    then: tuple[str, ...],
    moments: tuple[float, ...],
) -> None:
    """Run the pipeline once and print the boards of stops, one JSON document a line.

    STOP is a GTFS stop_id, or <feed>:<stop_id>. The code is that of `feeds ingest`, but messages
    count as received at --at, so their age withdraws nothing. No server needs to run: the schedule
    goes into a PostgreSQL that is thrown away, without its wrong rows (told on stderr).
    """
    named = [stop.partition(":")[0] for stop in stops]
    chosen, feed = chosen_feed(schedule, realtime, config, feed_id, named)
    if len(moments) > 1 + len(then):
        raise click.UsageError("--at was given more often than there are polls")
    times = list(moments) or [time.time()]
    times += [times[-1]] * (1 + len(then) - len(times))
    later = [_capture_file(name) for name in then]
    for line in asyncio.run(_lines(chosen, feed, stops, later, times)):
        click.echo(orjson.dumps(line))


async def _lines(
    feed_id: str,
    feed: Feed,
    stops: Sequence[str],
    later: Sequence[tuple[str, bytes]],
    times: Sequence[float],
) -> list[Any]:
    polls = await read_messages(feed.endpoints)
    schedule = await read_schedule(feed_id, feed, times[0])
    if schedule.ignored:
        told = f"{schedule.ignored_total:,} rows, as {schedule.ignored[0]}"
        click.echo(f"left out of the schedule: {told}", err=True)
    timetable = schedule.timetable
    chosen = [_stop(timetable, stop) for stop in stops]
    pipeline = Pipeline(timetable, replaced_routes=feed.replaced_routes)
    versions = iter(range(int(times[0] * 1_000_000), 2**63))
    for index, data in enumerate(polls):
        if isinstance(data, OnceError):
            raise data
        _poll(pipeline, index, data, feed.endpoints[index].url, times[0])
    patches = [*_patches(pipeline, times[0], versions, ())]
    lines: list[Any] = [orjson.Fragment(orjson.dumps(pipeline.boards.boards[s])) for s in chosen]
    for (name, data), moment in zip(later, times[1:], strict=True):
        _poll(pipeline, 0, data, name, moment)
        patches = [*_patches(pipeline, moment, versions, chosen)]
        lines += [{"event": "patch", "data": patch} for patch in patches]
    return lines


def _patches(
    pipeline: Pipeline, now: float, versions: Iterator[int], chosen: Iterable[str]
) -> Iterator[dict[str, Any]]:
    wanted = {f"{pipeline.timetable.feed_id}:{stop_id}" for stop_id in chosen}
    for change in pipeline.changes(pipeline.pending(now), now):
        stop_id, version = change.after["stop_id"], next(versions)
        change.after["version"] = version
        if stop_id in wanted:
            yield {"stop_id": stop_id, "version": version, **change.patch}


def _poll(pipeline: Pipeline, index: int, data: bytes, name: str, now: float) -> None:
    try:
        pipeline.poll(index, data, now)
    except DecodeError as error:
        raise BoardError(f"{name}: {error}") from None


def _capture_file(name: str) -> tuple[str, bytes]:
    try:
        return name, message_from_capture(Path(name).read_bytes(), name)
    except OSError as error:
        raise BoardError(f"--then {name}: {error.strerror}") from None


def _stop(timetable: Timetable, text: str) -> str:
    prefix = f"{timetable.feed_id}:"
    stop_id = text if text in timetable.stops else text.removeprefix(prefix)
    stop = timetable.stops.get(stop_id)
    if stop is None:
        raise BoardError(f"stop {text}: the schedule has no such stop_id")
    if stop.location_type > 1:
        raise BoardError(
            f"stop {text} has location_type {stop.location_type} and so no board: "
            f"ask for its parent, {stop.parent_station}"
        )
    return stop_id
