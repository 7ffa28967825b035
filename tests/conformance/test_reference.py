"""Stopcast against the independent reference (tests/reference): the same boards, or one is wrong."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage
from hypothesis import given
from hypothesis import strategies as st

from feeds.realtime.captures import CaptureError, message_from_capture
from feeds.realtime.pipeline import Pipeline
from tests.reference import boards as reference
from tests.reference.comparison import agree
from tests.reference.schedule import read_schedule
from tests.reference.strategies import FEW, messages, worlds
from tests.schedules import load, write


def compare(path: Path, schedule: Any, data: list[bytes], now: int) -> set[str]:
    """Every board of both, as of `now`; the statuses that stand on them."""
    table = load(path, datetime.fromtimestamp(now, schedule["zone"]).date())
    pipeline = Pipeline(table)
    for endpoint, each in enumerate(data):
        pipeline.poll(endpoint, each, now)
    pipeline.changes(pipeline.pending(now), now)
    expected = reference.boards(schedule, data, now, list(table.dates))
    agree(pipeline.boards.boards, expected)
    return {arrival["status"] for arrivals in expected.values() for arrival in arrivals}


@FEW
@given(st.data())
def test_generated_schedules_and_updates(data: st.DataObject) -> None:
    world = data.draw(worlds())
    with tempfile.TemporaryDirectory() as folder:
        path = write(world.files, folder)
        schedule = read_schedule(path)
        for endpoints in (1, 1, 2):
            told = [data.draw(messages(world)) for _ in range(endpoints)]
            compare(path, schedule, told, world.now)


BART = "transitland-lib/server/gtfs/bart.zip"
BART_REALTIME = "transitland-lib/server/rt"
CALTRAIN = "transitland-lib/rt/ct.zip"
LINK = "onebusaway-app-modules/st_duplicated_trips"
NIGIRI = "nigiri"
# Realtime, schedule and the moment: the header's own where there is one (0), else what it speaks of.
CAPTURES = [
    *[(f"{BART_REALTIME}/{name}.json", BART, 1527721200) for name in (
        "BA", "BA-added", "BA-alerts", "BA-arrival-fallback", "BA-departure-fallback",
        "BA-last-delay", "BA-stop-id-fallback", "BA-stop-double-visit", "BA-vehicle-positions",
    )],
    ("transitland-lib/rt/example.pb", BART, 0),
    *[(f"{BART_REALTIME}/{name}.json", "transitland-lib/server/gtfs/caltrain.zip", 0)
      for name in ("CT", "CT-missing-trip", "CT-bad-vp", "CT-vp-error")],
    *[(f"transitland-lib/rt/ct-{name}.pb", CALTRAIN, 0)
      for name in ("trip-updates", "vehicle-positions", "service-alerts")],
    ("transitland-lib/rt/ct-trip-stats.json", CALTRAIN, 0),
    *[(f"transitland-lib/rt/errors/{name}.json", CALTRAIN, 1699405534) for name in (
        "E001.header-timestamp", "E001.trip_update-stop_time_update-arrival-time",
        "E001.trip_update-stop_time_update-departure-time", "E001.trip_update-timestamp",
        "E002.trip_update-stop_time_update.1", "E002.trip_update-stop_time_update.2",
        "E003.trip_update-trip-trip_id", "E004.trip_update-trip-route_id",
        "E011.trip_update-stop_time_update-stop_id", "E020.trip_update-trip-start_time.1",
        "E020.trip_update-trip-start_time.2", "E021.trip_update-trip-start_date.1",
        "E021.trip_update-trip-start_date.2", "E021.trip_update-trip-start_date.3",
        "E022.trip_update-stop_time_update.1", "E022.trip_update-stop_time_update.2",
        "E022.trip_update-stop_time_update.3", "E040.trip_update-stop_time_update",
        "E043.trip_update-schedule_relationship", "E044.trip_update-schedule_relationship.1",
        "E044.trip_update-schedule_relationship.2",
    )],
    *[(f"{LINK}/{name}.json", f"{LINK}/40/st.zip", 0) for name in (
        "TripUpdate-DUPLICATED-1690679342", "TripUpdate-DUPLICATED-Empty-1690865133",
        "trip_update_1683740698", "trip_update_1683740798", "trip_update_1683746223_bad",
        "trip_update_1683914528", "trip_update_1683915543", "trip_update_1683915993",
    )],
    *[(f"{NIGIRI}/gtfsrt_rt_test/{name}.json", f"{NIGIRI}/gtfsrt_rt_test/01_static.zip", 0)
      for name in ("02_kTripUpdate", "03_kTripUpdateWithoutSeq")],
    *[(f"{NIGIRI}/gtfsrt_added_test/{name}.json", f"{NIGIRI}/gtfsrt_added_test/01_static.zip",
       1691658600)
      for name in (
        "02_kTripAdded", "03_kTripNew", "04_kTripNewLonger", "05_kTripNewRouteNonExistent",
        "06_kTripNewBare", "07_kTripNewBareWithStops", "08_kTripNewNonExistingStops",
        "09_kTripNewRelative", "10_kTripNewWithSameId", "11_kTripReplacement",
        "12_kTripDuplicatedEmpty", "13_kTripDuplicated", "14_kTripDuplicatedNonExistent",
    )],
    (f"{NIGIRI}/gtfsrt_relative_test/02_kTripUpdate.json",
     f"{NIGIRI}/gtfsrt_relative_test/01_static.zip", 1700994600),
    *[(f"{NIGIRI}/gtfsrt_skip_cancel_test/{name}.json",
       f"{NIGIRI}/gtfsrt_skip_cancel_test/01_static.zip", 1700992800)
      for name in ("02_kTripUpdate", "03_kTripUpdateCanceled")],
    ("gtfs-realtime-validator/bullrunner-vehicle-positions",
     "gtfs-realtime-validator/bullrunner-gtfs.zip", 0),
]  # fmt: skip
# Those from which no board has more than the schedule: without trip updates, or none of them usable.
SILENT = {
    *(f"{BART_REALTIME}/{name}.json" for name in (
        "BA-alerts", "BA-vehicle-positions", "CT-bad-vp", "CT-vp-error",
    )),
    *(f"transitland-lib/rt/ct-{name}.pb" for name in ("vehicle-positions", "service-alerts")),
    *(f"transitland-lib/rt/errors/{name}.json" for name in (
        "E001.header-timestamp", "E001.trip_update-stop_time_update-arrival-time",
        "E002.trip_update-stop_time_update.1", "E002.trip_update-stop_time_update.2",
    )),
    f"{LINK}/TripUpdate-DUPLICATED-Empty-1690865133.json",  # outside the calendar
    *(f"{NIGIRI}/gtfsrt_added_test/{name}.json" for name in (
        "06_kTripNewBare", "08_kTripNewNonExistingStops", "09_kTripNewRelative",
        "10_kTripNewWithSameId", "12_kTripDuplicatedEmpty", "13_kTripDuplicated",
        "14_kTripDuplicatedNonExistent",
    )),
    "gtfs-realtime-validator/bullrunner-vehicle-positions",
}  # fmt: skip


# Where the others with trip updates and a schedule are read: paths, or what they begin with.
ELSEWHERE = {
    "gtfs-rt-validator-veodyn/": "test_validator_series.py: one after another, received at other times",
    "onebusaway-app-modules/nyct_multi_trips/": "test_subway.py: one after another",
    "transitland-lib/rt/ct-trip-updates.pb.json": "listed above in its binary form",
}


def with_trip_updates(captures: Path) -> Iterator[str]:
    """Paths below the folder, of sources that have a schedule too; no vehicle moves a prediction."""
    for source in captures.iterdir():
        if not any(source.rglob("*.zip")):
            continue
        for path in source.rglob("*"):
            if path.is_dir() or path.suffix == ".zip":
                continue
            with suppress(CaptureError):  # a text, or a result; or it is refused elsewhere, too
                message = FeedMessage.FromString(message_from_capture(path.read_bytes(), path.name))
                if any(entity.HasField("trip_update") for entity in message.entity):
                    yield str(path.relative_to(captures))


def test_no_capture_is_forgotten(captures: Path) -> None:
    found = set(with_trip_updates(captures))
    listed = {realtime for realtime, _, _ in CAPTURES}
    assert {name for name in found if not name.startswith(tuple(ELSEWHERE))} <= listed
    assert [part for part in ELSEWHERE if not any(name.startswith(part) for name in found)] == []


cached = lru_cache(maxsize=1)(read_schedule)


@pytest.mark.parametrize(("realtime", "schedule", "at"), CAPTURES, ids=[c[0] for c in CAPTURES])
def test_every_capture_with_a_schedule(
    captures: Path, realtime: str, schedule: str, at: int
) -> None:
    message = FeedMessage.FromString(
        message_from_capture((captures / realtime).read_bytes(), realtime)
    )
    for entity in message.entity:
        entity.ClearField("vehicle")  # where vehicles are is beyond the reference
    now = at or message.header.timestamp
    message.header.timestamp = min(now, message.header.timestamp)
    path = captures / schedule
    statuses = compare(path, cached(path), [message.SerializeToString()], now)
    assert (statuses <= {"scheduled", "departed"}) == (realtime in SILENT)
