"""The simulation read by the pipeline: as good a feed as an agency's, and boards that live."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from feeds.realtime.pipeline import Pipeline
from feeds.sources.demo.city import BUSY_STOP
from feeds.sources.simulation.simulation import NAMES, Simulation

TODAY = date(2026, 6, 10)


def los_angeles(hour: int) -> int:
    return int(datetime(2026, 6, 10, hour + 7, tzinfo=UTC).timestamp())


def poll(pipeline: Pipeline, simulation: Simulation, now: int) -> set[str]:
    """All endpoints at once; the stops whose boards changed."""
    for endpoint, name in enumerate(NAMES):
        pipeline.poll(endpoint, simulation.message(name, now), now)
    return {change.stop_id for change in pipeline.changes(pipeline.pending(now), now)}


@pytest.mark.parametrize("hour", [3, 8, 13])
def test_board_of_the_busy_stop_changes_every_15_seconds(load_demo: Any, hour: int) -> None:
    simulation = Simulation(load_demo(TODAY), seed=1, interval=5)
    pipeline = Pipeline(simulation.timetable)
    begin = los_angeles(hour)
    poll(pipeline, simulation, begin)
    for now in range(begin + 15, begin + 300, 15):
        assert BUSY_STOP in poll(pipeline, simulation, now)


def test_a_day_of_messages_has_nothing_wrong_and_shows_all_there_is(load_demo: Any) -> None:
    simulation = Simulation(load_demo(TODAY), seed=1, interval=5)
    pipeline = Pipeline(simulation.timetable)
    statuses: Counter[str] = Counter()
    for now in range(los_angeles(0), los_angeles(16), 2400):
        poll(pipeline, simulation, now)
        poll(pipeline, simulation, now + 60)
        for board in pipeline.boards.boards.values():
            statuses.update(arrival["status"] for arrival in board["arrivals"].values())
    assert pipeline.quality.report() == {}
    assert set(statuses) == {"scheduled", "predicted", "departed", "canceled", "skipped"}


def test_simulated_alerts_and_vehicles_stand_on_boards(load_demo: Any) -> None:
    simulation = Simulation(load_demo(TODAY), seed=1, interval=5)
    pipeline = Pipeline(simulation.timetable)
    seen: Counter[str] = Counter()
    for now in range(los_angeles(7), los_angeles(11), 1800):
        poll(pipeline, simulation, now)
        alerts = FeedMessage.FromString(simulation.message("alerts", now))
        headers = {one.alert.header_text.translation[0].text for one in alerts.entity}
        told = {
            alert["header"]["en"]
            for board in pipeline.boards.boards.values()
            for alert in board["alerts"].values()
        }
        assert told == headers
        for board in pipeline.boards.boards.values():
            for arrival in board["arrivals"].values():
                seen.update(arrival.keys() & {"stops_away", "vehicle", "occupancy", "alerts"})
                assert set(arrival.get("alerts", ())) <= board["alerts"].keys()
        seen["headers"] += len(headers)
    assert all(
        seen[member] for member in ("stops_away", "vehicle", "occupancy", "alerts", "headers")
    )
