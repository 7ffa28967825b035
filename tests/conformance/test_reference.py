"""Stopcast against the independent reference (tests/reference): the same boards, or one is wrong."""

import tempfile
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage
from hypothesis import given
from hypothesis import strategies as st

from feeds.realtime.captures import message_from_capture
from feeds.realtime.pipeline import Pipeline
from tests.reference import boards as reference
from tests.reference.schedule import read_schedule
from tests.reference.strategies import FEW, messages, worlds
from tests.schedules import load, write

# What the reference does not tell.
BESIDE = {
    *("trip_short_name", "wheelchair_accessible", "bikes_allowed", "platform_code"),
    *("vehicle", "stops_away", "occupancy", "alerts"),
}


def compare(path: Path, schedule: Any, data: list[bytes], now: int) -> int:
    """Every board of both, as of `now`; how many arrivals they agree on."""
    table = load(path, datetime.fromtimestamp(now, schedule["zone"]).date())
    pipeline = Pipeline(table)
    for endpoint, each in enumerate(data):
        pipeline.poll(endpoint, each, now)
    pipeline.changes(pipeline.pending(now), now)
    expected = reference.boards(schedule, data, now, list(table.dates))
    count = 0
    for stop_id, board in pipeline.boards.boards.items():
        arrivals = shown(board)
        more, less = only(arrivals, expected[stop_id]), only(expected[stop_id], arrivals)
        assert not more, f"{stop_id} shows {more}, expected {less}"
        assert not less, f"{stop_id} does not show {less}"
        count += len(arrivals)
    return count


def shown(board: Any) -> list[Any]:
    """A board's arrivals with what the reference tells too."""
    return [
        {name: value for name, value in arrival.items() if name not in BESIDE}
        for arrival in board["arrivals"].values()
    ]


def only(here: list[Any], there: list[Any]) -> list[Any]:
    """The arrivals of `here` that are not, or not as often, in `there`."""
    left, found = list(there), []
    for arrival in here:
        if arrival in left:
            left.remove(arrival)
        else:
            found.append(arrival)
    return found


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
LINK = "onebusaway-app-modules/st_duplicated_trips"
NIGIRI = "nigiri"
NYC = "onebusaway-app-modules/nyct_multi_trips"
VALIDATOR = "gtfs-rt-validator-veodyn"
# Realtime, schedule and the moment: the header's own where there is one (0), else what it speaks of.
CAPTURES = [
    *[(f"{BART_REALTIME}/{name}.json", BART, 1527721200) for name in (
        "BA", "BA-added", "BA-alerts", "BA-arrival-fallback", "BA-departure-fallback",
        "BA-last-delay", "BA-stop-id-fallback", "BA-stop-double-visit", "BA-vehicle-positions",
    )],
    *[(f"{BART_REALTIME}/{name}.json", "transitland-lib/server/gtfs/caltrain.zip", 0)
      for name in ("CT", "CT-missing-trip", "CT-bad-vp", "CT-vp-error")],
    *[(f"transitland-lib/rt/ct-{name}.pb", "transitland-lib/rt/ct.zip", 0)
      for name in ("trip-updates", "vehicle-positions", "service-alerts")],
    *[(f"{LINK}/{name}.json", f"{LINK}/40/st.zip", 0) for name in (
        "TripUpdate-DUPLICATED-1690679342", "TripUpdate-DUPLICATED-Empty-1690865133",
        "trip_update_1683740698", "trip_update_1683740798", "trip_update_1683746223_bad",
        "trip_update_1683914528", "trip_update_1683915543", "trip_update_1683915993",
    )],
    *[(f"{NIGIRI}/gtfsrt_rt_test/{name}.json", f"{NIGIRI}/gtfsrt_rt_test/01_static.zip", 0)
      for name in ("02_kTripUpdate", "03_kTripUpdateWithoutSeq")],
    *[(f"{NIGIRI}/gtfsrt_added_test/{name}.json", f"{NIGIRI}/gtfsrt_added_test/01_static.zip", 0)
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
    *[(f"{VALIDATOR}/jar/{name}.pb", f"{VALIDATOR}/gtfs/testagency.zip", 0)
      for name in ("01-no-timestamps", "02-unsorted-stop-times", "04-combined-feed")],
    *[(f"{VALIDATOR}/conformance/testagency2/{name}.pb", f"{VALIDATOR}/gtfs/testagency2.zip",
       1451628000) for name in ("01-direction-and-locations", "02-frequency-type-one")],
    *[(f"{NYC}/{name}.ace.pb", f"{NYC}/MTASBWY/cut.zip", 0) for name in ("1707397157", "1707399512")],
    ("gtfs-realtime-validator/bullrunner-vehicle-positions",
     "gtfs-realtime-validator/bullrunner-gtfs.zip", 0),
]  # fmt: skip


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
    compare(path, cached(path), [message.SerializeToString()], now)
