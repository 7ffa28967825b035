"""`stopcast feeds check`."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from rich.table import Table

from feeds.commands.limit import LIMIT, Limit
from feeds.commands.moment import MOMENT
from feeds.commands.once import OnceError, chosen_feed, read_messages, read_schedule, source_options
from feeds.config import Feed
from feeds.ingest.endpoint_health import EndpointHealth
from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from schemas import server_url
from schemas.console import plain_console
from schemas.errors import StopcastError

CLEAN, FINDINGS, UNUSABLE = 0, 1, 2
DEFAULT = "any:5%"

EPILOG = """
\b
A capture against its schedule, as of when it was recorded:
  stopcast feeds check --schedule gtfs.zip --realtime trips.pb --at 2024-05-14T09:55:00Z
All endpoints of a config as they are now, for a machine:
  stopcast feeds check --config stopcast.toml --feed metro --json
In CI, strict about stops and lenient about trips that the schedule does not have:
  stopcast feeds check --schedule gtfs.zip --realtime trips.pb \\
      --fail-on stop_unknown --fail-on unmatched:10%
\b
Exit code: 0 clean enough, 1 findings above a limit, 2 unusable (an endpoint gave no message that
can be read, the schedule cannot be imported, or the options make no sense).
"""


@click.command(epilog=EPILOG)
@source_options
@click.option(
    "--at",
    "moment",
    type=MOMENT,
    help="The time that the messages are read as of: RFC 3339 or POSIX seconds. Default: now.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@click.option(
    "--fail-on",
    "limits",
    type=LIMIT,
    multiple=True,
    default=[DEFAULT],
    show_default=True,
    metavar="WHAT[:LIMIT]",
    help="WHAT is a kind (docs/operations.md), a fate such as `dropped`, or `any` kind. LIMIT is how "
    "many of it an endpoint may have: a number, or with % a share of its entities. Default: 0. "
    "Repeatable; replaces the default.",
)
def check(
    *,
    schedule: str | None,
    realtime: tuple[str, ...],
    config: Path | None,
    feed_id: str | None,
    moment: float | None,
    as_json: bool,
    limits: tuple[Limit, ...],
) -> None:
    """Run a feed through the pipeline once and report what is wrong with it.

    Every message is decoded, matched with the schedule and predicted from, as `feeds ingest` does
    it; what was refused, dropped, repaired, unmatched, late or out of order is counted by kind,
    each with an example. No server needs to run.
    """
    chosen, feed = chosen_feed(schedule, realtime, config, feed_id)
    now = time.time() if moment is None else moment
    try:
        report = asyncio.run(_report(chosen, feed, now))
    except StopcastError as error:
        report = {"feed_id": chosen, "error": str(error), "endpoints": []}
    code = _verdict(report, limits)
    if as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        _show(report)
    sys.exit(code)


async def _report(feed_id: str, feed: Feed, now: float) -> dict[str, Any]:
    messages = await read_messages(feed.endpoints)
    schedule = await read_schedule(feed_id, feed, now)
    pipeline = Pipeline(schedule.timetable, replaced_routes=feed.replaced_routes)
    endpoints = [
        {"url": server_url.bare(endpoint.url), **_poll(pipeline, index, data, now)}
        for index, (endpoint, data) in enumerate(zip(feed.endpoints, messages, strict=True))
    ]
    pipeline.changes(pipeline.pending(now), now)  # boards can be made of it
    predicted = len(pipeline.updates.runs)
    ages = _count_late(pipeline, feed, now)
    return {
        "feed_id": feed_id,
        "at": int(now),
        "schedule": {
            "stops": len(schedule.timetable.stops),
            "trips": len(schedule.timetable.trips),
            "wrong_rows": schedule.ignored_total,
            **({"example": str(schedule.ignored[0])} if schedule.ignored else {}),
        },
        "trips_predicted": predicted,
        "endpoints": [
            {**told, **ages.get(index, {}), "quality": pipeline.quality.part(index).report()}
            for index, told in enumerate(endpoints)
        ],
    }


def _poll(pipeline: Pipeline, index: int, data: bytes | OnceError, now: float) -> dict[str, Any]:
    if isinstance(data, OnceError):
        return {"error": str(data), "entities": 0}
    told: dict[str, Any] = {"bytes": len(data), "entities": 0}
    try:
        pipeline.poll(index, data, now)
    except DecodeError as error:
        told["error"] = f"{error.kind}: {error}"
    else:
        told["entities"] = len(pipeline.heard[index].entities)
    return told


def _count_late(pipeline: Pipeline, feed: Feed, now: float) -> dict[int, dict[str, Any]]:
    """Withdraw what the ingester would, which counts it; of each endpoint heard, status and age."""
    ages = {}
    healths = [EndpointHealth(endpoint.interval, feed.expiry, now) for endpoint in feed.endpoints]
    for index, heard in pipeline.heard.items():
        health, age = healths[index], int(now - heard.timestamp)
        health.kinds |= pipeline.kinds[index]
        status = health.status(heard.timestamp, now, now)
        if status == "stale":
            example = f"{age} s old; live is up to {health.fresh:g}"
            pipeline.quality.part(index).note("message_stale", example)
        ages[index] = {"status": status, "age": age}
        pipeline.withdraw_older(index, now - health.limit)
    return ages


def _verdict(report: dict[str, Any], limits: tuple[Limit, ...]) -> int:
    """The exit code; `report` gets its verdict, and what is above a limit."""
    endpoints = report["endpoints"]
    over = [
        f"endpoint {index}: {text}"
        for index, told in enumerate(endpoints)
        for limit in limits
        for text in limit.exceeded(told["quality"], told["entities"])
    ]
    unusable = "error" in report or any("error" in told for told in endpoints)
    code = UNUSABLE if unusable else FINDINGS if over else CLEAN
    report["verdict"] = ("clean", "findings", "unusable")[code]
    report["above_limits"] = over
    return code


def _show(report: dict[str, Any]) -> None:
    console = plain_console(soft_wrap=True)
    for line in _headlines(report):
        console.print(line)
    for index, told in enumerate(report["endpoints"]):
        table = Table("kind", "fate", "count", "example", title=f"endpoint {index}: {told['url']}")
        for kind, found in told["quality"].items():
            fate = found["fate"].replace("_", " ")
            table.add_row(kind, fate, f"{found['count']:,}", found["example"])
        if told["quality"]:
            console.print(table)
    for text in report["above_limits"]:
        console.print(f"above its limit: {text}")
    console.print(f"verdict: {report['verdict']}")


def _headlines(report: dict[str, Any]) -> Iterator[str]:
    if "error" in report:
        yield f"feed {report['feed_id']}: {report['error']}"
        return
    schedule = report["schedule"]
    example = f", as {schedule['example']}" if schedule["wrong_rows"] else ""
    yield (
        f"feed {report['feed_id']}: {schedule['stops']:,} stops, {schedule['trips']:,} trips around "
        f"that time, {schedule['wrong_rows']:,} rows wrong{example}"
    )
    yield f"realtime tells of {report['trips_predicted']:,} trips"
    for index, told in enumerate(report["endpoints"]):
        said = (
            told.get("error", "").removeprefix(f"{told['url']}: ")
            or f"{told['entities']:,} entities, {told['status']}, {told['age']} s old"
        )
        yield f"endpoint {index}: {told['url']}: {said}"
