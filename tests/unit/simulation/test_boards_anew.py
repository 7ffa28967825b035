"""The law of looking only at what changed: it makes the boards that looking at everything makes."""

import random
from typing import Any

from google.transit.gtfs_realtime_pb2 import FeedMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.realtime.pipeline import Pipeline
from feeds.sources.simulation.simulation import NAMES, Simulation
from tests.unit.simulation.test_simulated_boards import TODAY, los_angeles

STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 5, 20, 61, 121, 300, 600]),  # seconds later
        st.sets(st.integers(0, len(NAMES) - 1)),  # endpoints that are polled
        st.integers(0, 2),  # the fate that is told; 2: of both, trip by trip
        st.integers(0, 1000),  # which entities are missing
    ),
    min_size=3,
    max_size=14,
)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=12)
@given(steps=STEPS, hour=st.integers(3, 15), quiet=st.sampled_from([0, 30]))
def test_boards_by_what_changed_are_boards_made_anew(
    load_demo: Any, steps: list[tuple[int, set[int], int, int]], hour: int, quiet: float
) -> None:
    timetable = load_demo(TODAY)
    fates = [Simulation(timetable, seed, interval=5) for seed in (1, 2)]
    ours, anew = (Pipeline(timetable, quiet=quiet) for _ in range(2))
    now = los_angeles(hour)
    for later, polled, fate, missing in [(0, set(range(len(NAMES))), 0, 0), *steps]:
        now += later
        for endpoint in polled:
            data = told(fates, NAMES[endpoint], now, fate, random.Random(missing))
            for pipeline in (ours, anew):
                pipeline.poll(endpoint, data, now)
        ours.changes(ours.pending(now), now)
        anew.boards.touch_stops(anew.boards.stop_ids)
        anew.changes(anew.pending(now), now)
        for stop_id, board in anew.boards.boards.items():
            assert ours.boards.boards[stop_id] == board, (stop_id, now)


def told(
    fates: list[Simulation], name: str, now: int, fate: int, chance: random.Random
) -> bytes:
    """A message of one fate or of both, a few entities missing."""
    messages = [FeedMessage.FromString(each.message(name, now)) for each in fates]
    by_id = [{entity.id: entity for entity in message.entity} for message in messages]
    said = FeedMessage(header=messages[0].header)
    for entity_id in sorted(set[str]().union(*by_id)):
        whose = by_id[fate if fate < len(by_id) else chance.randrange(len(by_id))]
        if entity_id in whose and chance.random() > 0.05:
            said.entity.append(whose[entity_id])
    return said.SerializeToString()
