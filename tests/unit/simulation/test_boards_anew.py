"""The law of looking only at what changed: it makes the boards that looking at everything makes."""

import random
from typing import Any

from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedMessage
from hypothesis import HealthCheck, Phase, given, settings
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


# Without shrinking: it takes minutes, and what differs is named.
PHASES = [phase for phase in Phase if phase is not Phase.shrink]


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=12, phases=PHASES)
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
            chance = random.Random(missing)  # noqa: S311  # made-up gaps
            data = told(fates, NAMES[endpoint], now, fate, chance)
            for pipeline in (ours, anew):
                pipeline.poll(endpoint, data, now)
        ours.changes(ours.pending(now), now)
        anew.boards.touch_stops(anew.boards.stop_ids)
        anew.changes(anew.pending(now), now)
        for stop_id, board in anew.boards.boards.items():
            arrivals = ours.boards.boards[stop_id]["arrivals"]
            wrong = {
                key: (arrivals.get(key), board["arrivals"].get(key))
                for key in arrivals.keys() | board["arrivals"].keys()
                if arrivals.get(key) != board["arrivals"].get(key)
            }
            assert not wrong, (stop_id, now)
            assert ours.boards.boards[stop_id] == board, (stop_id, now)


def told(fates: list[Simulation], name: str, now: int, fate: int, chance: random.Random) -> bytes:
    """A message of one fate or of both, a few entities missing."""
    messages = [FeedMessage.FromString(each.message(name, now)) for each in fates]
    by_id = [{entity.id: entity for entity in message.entity} for message in messages]
    said = FeedMessage(header=messages[0].header)
    for entity_id in sorted(set[str]().union(*by_id)):
        whose = by_id[fate if fate < len(by_id) else chance.randrange(len(by_id))]
        if entity_id in whose and chance.random() > 0.05:
            said.entity.append(whose[entity_id])
    if name == "alerts":
        routes = sorted(fates[0].timetable.routes)
        said.entity.extend(alert(number, now, routes, chance) for number in range(8))
    return said.SerializeToString()


def alert(number: int, now: int, routes: list[str], chance: random.Random) -> FeedEntity:
    """About a route; it begins soon, or has begun."""
    entity = FeedEntity(id=f"law-{number}")
    period = entity.alert.active_period.add()
    period.start = now + chance.randint(-300, 900)
    period.end = period.start + chance.randint(1, 900)
    entity.alert.informed_entity.add(route_id=chance.choice(routes))
    entity.alert.header_text.translation.add(text=f"Law {number}")
    return entity
