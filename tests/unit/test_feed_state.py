"""A feed is as well as its worst trip endpoint, whatever its other endpoints do."""

from types import SimpleNamespace
from typing import Any

import pytest

from feeds.ingest.board_clock import BoardClock
from feeds.ingest.endpoint_health import EndpointHealth
from feeds.ingest.feed_state import feed_state
from feeds.realtime.pipeline import Heard, Pipeline
from schemas.feed_state import FeedState
from tests.timetables import make_timetable

NOW = 1_000_000.0

TRIPS, VEHICLES, ALERTS, NOTHING = {"trip_update"}, {"vehicle"}, {"alert"}, set[str]()
LIVE, STALE, AWAY = 10, 200, 5000  # seconds since their data; the last does not answer either


def told(*endpoints: tuple[set[str], int]) -> FeedState:
    """A feed of endpoints that told of such kinds, the data of each so old."""
    pipeline = Pipeline(make_timetable({"t": [(1, "a", "10:00:00", "10:00:00")]}))
    pollers: list[Any] = []
    for index, (kinds, age) in enumerate(endpoints):
        health = EndpointHealth(30, 600, NOW - age)
        health.kinds |= kinds
        health.succeeded(NOW - age if age == AWAY else NOW)
        pollers.append(SimpleNamespace(health=health, fetcher=SimpleNamespace(shown=str(index))))
        pipeline.heard[index] = Heard(b"", NOW - age, ())
    publisher: Any = SimpleNamespace(
        lineage=1, complete=True, boards_published=0, publish_seconds=0.0, redis_run="r"
    )
    return feed_state(
        "city",
        owner="one",
        clock=BoardClock(follows=False, wall=lambda: NOW),
        publisher=publisher,
        pipeline=pipeline,
        pollers=pollers,
        wall=NOW,
    )


@pytest.mark.parametrize(
    ("endpoints", "status", "age"),
    [
        ([(TRIPS, LIVE), (VEHICLES, STALE), (ALERTS, AWAY)], "live", LIVE),
        ([(TRIPS, STALE), (VEHICLES, LIVE), (ALERTS, LIVE)], "stale", STALE),
        ([(TRIPS | ALERTS, AWAY), (TRIPS, LIVE), (VEHICLES, LIVE)], "down", AWAY),
        # No trip has been told of yet: at night, or by who has just begun.
        ([(NOTHING, AWAY), (VEHICLES, LIVE), (ALERTS, LIVE)], "down", AWAY),
        ([(NOTHING, LIVE), (VEHICLES, STALE), (ALERTS, AWAY)], "stale", STALE),
        ([(NOTHING, LIVE), (TRIPS, LIVE), (VEHICLES | ALERTS, AWAY)], "live", LIVE),
        ([(NOTHING, STALE), (ALERTS, LIVE), (ALERTS, LIVE)], "stale", STALE),
    ],
)
def test_the_worst_of_the_endpoints_that_tell_of_trips_decides(
    endpoints: list[tuple[set[str], int]], status: str, age: int
) -> None:
    state = told(*endpoints)
    assert (state.status, state.timestamp) == (status, int(NOW) - age)


def test_what_an_endpoint_tells_of_is_reported() -> None:
    state = told((TRIPS | ALERTS, LIVE), (NOTHING, LIVE))
    kinds = [endpoint["kinds"] for endpoint in state.report["endpoints"]]
    assert kinds == [["alert", "trip_update"], []]
