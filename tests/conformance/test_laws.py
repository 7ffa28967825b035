"""What holds of every board, whatever a feed says: laws over generated schedules and messages."""

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.transit.gtfs_realtime_pb2 import FeedMessage
from hypothesis import given
from hypothesis import strategies as st

from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.timetable import Timetable
from schemas import merge_patch
from schemas.arrivals import Arrival
from tests.fuzz_mutation import mutated
from tests.fuzz_targets import poll_any
from tests.reference.strategies import FEW, World, messages, worlds
from tests.schedules import load, write


@contextmanager
def pipeline_of(world: World) -> Iterator[Pipeline]:
    with tempfile.TemporaryDirectory() as folder:
        yield Pipeline(load(write(world.files, folder), world.day))


def settle(pipeline: Pipeline, now: int) -> list[Any]:
    return pipeline.changes(pipeline.pending(now), now)


def platforms(pipeline: Pipeline) -> Iterator[tuple[str, dict[str, Arrival]]]:
    for stop_id, board in pipeline.boards.boards.items():
        if board["stop"]["location_type"] == 0:
            yield stop_id, board["arrivals"]


@FEW
@given(st.data())
def test_patches_compose_and_say_something(data: st.DataObject) -> None:
    world = data.draw(worlds())
    with pipeline_of(world) as pipeline:
        held: dict[str, Any] = {}
        now = world.now
        for _ in range(4):
            pipeline.poll(0, data.draw(messages(world)), now)
            for change in settle(pipeline, now):
                assert change.before == held.get(change.stop_id)
                if change.before is not None:
                    assert change.patch
                    assert merge_patch.apply(change.before, change.patch) == change.after
                held[change.stop_id] = change.after
            now += data.draw(st.integers(0, 900))
        assert held == pipeline.boards.boards


@FEW
@given(st.data())
def test_the_same_message_twice_publishes_nothing(data: st.DataObject) -> None:
    world = data.draw(worlds())
    with pipeline_of(world) as pipeline:
        message = FeedMessage.FromString(data.draw(messages(world)))
        for second in range(2):
            message.header.timestamp = world.now + second
            pipeline.poll(0, message.SerializeToString(), world.now)
            changes = settle(pipeline, world.now)
        assert changes == []


@FEW
@given(st.data(), st.randoms(use_true_random=False))
def test_the_order_of_entities_does_not_matter(data: st.DataObject, rng: random.Random) -> None:
    world = data.draw(worlds())
    message = FeedMessage.FromString(data.draw(messages(world)))
    with pipeline_of(world) as ordered, pipeline_of(world) as shuffled:
        ordered.poll(0, message.SerializeToString(), world.now)
        settle(ordered, world.now)
        entities = list(message.entity)
        rng.shuffle(entities)
        del message.entity[:]
        message.entity.extend(entities)
        shuffled.poll(0, message.SerializeToString(), world.now)
        settle(shuffled, world.now)
        assert ordered.boards.boards == shuffled.boards.boards


@FEW
@given(st.data())
def test_a_call_is_on_one_platform_and_on_its_station(data: st.DataObject) -> None:
    world = data.draw(worlds())
    with pipeline_of(world) as pipeline:
        for _ in range(2):
            pipeline.poll(0, data.draw(messages(world)), world.now)
            settle(pipeline, world.now)
            stations: dict[str, dict[str, Arrival]] = defaultdict(dict)
            seen: set[str] = set()
            for stop_id, arrivals in platforms(pipeline):
                assert not seen & arrivals.keys()
                seen |= arrivals.keys()
                parent = pipeline.timetable.stops[stop_id].parent_station
                for key, told in arrivals.items() if parent else ():
                    stations[parent or ""][key] = {**told, "stop_id": stop_id}
            for station in ("A", "B"):
                assert pipeline.boards.boards[station]["arrivals"] == stations[station]


@FEW
@given(st.data())
def test_rule_34_no_predicted_time_decreases_along_a_trip(data: st.DataObject) -> None:
    world = data.draw(worlds())
    with pipeline_of(world) as pipeline:
        pipeline.poll(0, data.draw(messages(world)), world.now)
        settle(pipeline, world.now)
        runs: dict[str, list[Arrival]] = defaultdict(list)
        for _, arrivals in platforms(pipeline):
            for key, told in arrivals.items():
                if "stop_sequence" in told:
                    runs[key.partition(".")[0]].append(told)
        for calls in runs.values():
            calls.sort(key=lambda call: call["stop_sequence"])
            times = [c[e] for c in calls for e in ("arrival", "departure") if e in c]
            assert times == sorted(times)


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_a_decode_error(data: bytes) -> None:
    poll_any(data)


@FEW
@given(
    st.sampled_from([
        "transitland-lib/rt/ct-trip-updates.pb", "transitland-lib/rt/ct-vehicle-positions.pb",
        "otp/septa.pbf", "mbta-concentrate/tripupdates.pb", "mbta-concentrate/alerts.pb",
        "gtfs-rt-validator-veodyn/conformance/bullrunner/22-crossfeed-many.pb",
        "onebusaway-app-modules/nyct_multi_trips/1707397157.ace.pb",
    ]),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_a_real_message_that_was_damaged_raises_nothing_but_a_decode_error(
    captures: Path, capture: str, rng: random.Random
) -> None:
    data = (captures / capture).read_bytes()
    pipeline = Pipeline(caltrain(captures))
    now = FeedMessage.FromString(data).header.timestamp
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        place = rng.randrange(len(damaged))
        damaged[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    for each in (data, bytes(damaged), mutated(data, rng) or b"", data):
        with suppress(DecodeError):
            pipeline.poll(0, each, now)
        settle(pipeline, now)


@lru_cache(maxsize=1)
def caltrain(captures: Path) -> Timetable:
    return load(captures / "transitland-lib/rt/ct.zip", date(2023, 11, 7))
