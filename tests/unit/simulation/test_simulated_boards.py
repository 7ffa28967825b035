"""The simulation read by the pipeline: as good a feed as an agency's, and boards that live."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

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
