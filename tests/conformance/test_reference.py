"""Stopcast against the independent reference (tests/reference): the same boards, or one is wrong."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.realtime.pipeline import Pipeline
from tests.reference import boards as reference
from tests.reference.schedule import read_schedule
from tests.reference.strategies import World, messages, worlds
from tests.schedules import load

# What the reference does not tell.
BESIDE = ("trip_short_name", "wheelchair_accessible", "bikes_allowed", "platform_code", "vehicle")


def compare(path: Path, data: list[bytes], now: int) -> int:
    """Every board of both, as of `now`; how many arrivals they agree on."""
    table = load(path, local_day(path, now))
    pipeline = Pipeline(table)
    for endpoint, each in enumerate(data):
        pipeline.poll(endpoint, each, now)
    pipeline.changes(pipeline.pending(now), now)
    expected = reference.boards(read_schedule(path), data, now, list(table.dates))
    count = 0
    for stop_id, board in pipeline.boards.boards.items():
        shown = [
            {name: value for name, value in arrival.items() if name not in BESIDE}
            for arrival in board["arrivals"].values()
        ]
        assert only(shown, expected[stop_id]) == only(expected[stop_id], shown), stop_id
        count += len(shown)
    return count


def local_day(path: Path, now: int) -> Any:
    return datetime.fromtimestamp(now, read_schedule(path)["zone"]).date()


def only(here: list[Any], there: list[Any]) -> list[Any]:
    """The arrivals of `here` that are not, or not as often, in `there`."""
    left = list(there)
    for_sure = []
    for arrival in here:
        if arrival in left:
            left.remove(arrival)
        else:
            for_sure.append(arrival)
    return for_sure


def written(world: World, folder: str) -> Path:
    path = Path(folder) / "gtfs.zip"
    with ZipFile(path, "w") as archive:
        for name, text in world.files.items():
            archive.writestr(name, text)
    return path


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_generated_schedules_and_updates(data: st.DataObject) -> None:
    world = data.draw(worlds())
    told = data.draw(messages(world))
    with tempfile.TemporaryDirectory() as folder:
        compare(written(world, folder), [told], world.now)
