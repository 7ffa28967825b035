"""A feed's state as its owner tells it: status, clocks, and the report of `/v1/feeds/{id}`."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import Any

from feeds.ingest.board_clock import BoardClock
from feeds.ingest.endpoint_health import worst
from feeds.ingest.poller import Poller
from feeds.ingest.publisher import Publisher
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.timetable import Timetable
from schemas.feed_state import FeedState


def feed_state(
    feed_id: str,
    *,
    owner: str,
    clock: BoardClock,
    publisher: Publisher,
    pipeline: Pipeline | None,
    pollers: Sequence[Poller],
    wall: float,
) -> FeedState:
    """The feed at `wall`, POSIX seconds of our own clock."""
    now = clock.now()
    heard = pipeline.heard if pipeline else {}
    timestamps = [
        heard[index].timestamp if index in heard else None for index in range(len(pollers))
    ]
    statuses = [
        poller.health.status(timestamp, now, wall)
        for poller, timestamp in zip(pollers, timestamps, strict=True)
    ]
    deciding = _deciding([poller.health.kinds for poller in pollers])
    told = [timestamp for index in deciding if (timestamp := timestamps[index]) is not None]
    endpoints = [
        poller.health.report(
            poller.fetcher.shown,
            status,
            timestamp,
            pipeline.quality.part(index).report() if pipeline else {},
        )
        for index, (poller, status, timestamp) in enumerate(
            zip(pollers, statuses, timestamps, strict=True)
        )
    ]
    return FeedState(
        feed_id=feed_id,
        status=worst([statuses[index] for index in deciding]),
        timestamp=int(min(told, default=0)),
        now=now,
        beat=wall,
        rate=clock.rate,
        owner=owner,
        lineage=publisher.lineage,
        complete=publisher.complete,
        report={
            "endpoints": endpoints,
            "quality": pipeline.quality.report() if pipeline else {},
            "publishing": {
                "boards": publisher.boards_published,
                "seconds": round(publisher.publish_seconds, 4),
            },
            **(_schedule(pipeline.timetable) if pipeline else {}),
        },
        redis_run=publisher.redis_run,
    )


def _deciding(kinds: Sequence[AbstractSet[str]]) -> list[int]:
    """The endpoints that a feed is as well as the worst of, by the kinds that each has told.

    Those of trip updates; where none has told any yet, those of vehicles, or of nothing so far.
    """
    trips = [index for index, each in enumerate(kinds) if "trip_update" in each]
    return trips or [i for i, each in enumerate(kinds) if "vehicle" in each or not each]


def _schedule(timetable: Timetable) -> dict[str, Any]:
    return {
        "agencies": [_present(asdict(agency)) for agency in timetable.agencies.values()],
        "attributions": [_present(asdict(one)) for one in timetable.attributions],
        "schedule": _present(
            {
                "version": timetable.version,
                "feed_version": timetable.feed_version,
                "stops": len(timetable.stops),
                "routes": len(timetable.routes),
                "trips": len(timetable.trips),
                "first_day": timetable.dates[0].isoformat(),
                "last_day": timetable.dates[-1].isoformat(),
            }
        ),
    }


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
