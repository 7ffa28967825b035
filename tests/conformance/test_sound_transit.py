"""Sound Transit's Link of May 2023: boards agree with the schedule's own files and the capture."""

import csv
import io
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from tests.timetables import seconds

RunFiles = Callable[..., Awaitable[Any]]

FOLDER = "onebusaway-app-modules/st_duplicated_trips"
ZONE = ZoneInfo("America/Los_Angeles")
CAPTURES = {
    "trip_update_1683740698.json": "2023-05-10T10:44:58-07:00",
    "trip_update_1683740798.json": "2023-05-10T10:46:38-07:00",
    "trip_update_1683914528.json": "2023-05-12T11:02:08-07:00",
    "trip_update_1683915543.json": "2023-05-12T11:19:03-07:00",
    "trip_update_1683915993.json": "2023-05-12T11:26:33-07:00",
}


def rows(archive: ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


def noon_minus_12h(day: datetime) -> datetime:
    return day.replace(hour=12, minute=0, second=0) - timedelta(hours=12)


def scheduled(day: datetime, text: str) -> int:
    return int(noon_minus_12h(day).timestamp()) + seconds(text)


@pytest.mark.parametrize(("capture", "at"), CAPTURES.items(), ids=CAPTURES)
async def test_times_headsigns_and_platforms_are_the_schedules(
    run_files: RunFiles, captures: Path, capture: str, at: str
) -> None:
    run = await run_files(f"{FOLDER}/40/st.zip", f"{FOLDER}/{capture}", at=at)
    day = datetime.fromisoformat(at).astimezone(ZONE)
    with ZipFile(captures / FOLDER / "40/st.zip") as archive:
        trips = {row["trip_id"]: row for row in rows(archive, "trips.txt")}
        stops = {row["stop_id"]: row for row in rows(archive, "stops.txt")}
        stop_times = {
            (row["trip_id"], int(row["stop_sequence"])): row
            for row in rows(archive, "stop_times.txt")
        }
    checked = 0
    for stop_id, board in run.pipeline.boards.boards.items():
        for arrival in board["arrivals"].values():
            row = stop_times[arrival["trip_id"], arrival["stop_sequence"]]
            start = stop_times[arrival["trip_id"], 1]["departure_time"]
            moved = seconds(arrival.get("start_time", start)) - seconds(start)
            assert bool(moved) == arrival.get("added", False)
            assert arrival["service_date"] == f"{day:%Y%m%d}"
            assert arrival["headsign"] == trips[arrival["trip_id"]]["trip_headsign"]
            assert arrival["trip_short_name"] == trips[arrival["trip_id"]]["trip_short_name"]
            platform = arrival.get("stop_id", stop_id)
            assert platform == row["stop_id"]
            assert stop_id in (platform, stops[platform]["parent_station"])
            for event in ("arrival", "departure"):
                if f"scheduled_{event}" in arrival:
                    expected = scheduled(day, row[f"{event}_time"])
                    assert arrival[f"scheduled_{event}"] == expected + moved
            checked += 1
    assert checked > 500


@pytest.mark.parametrize(("capture", "at"), CAPTURES.items(), ids=CAPTURES)
async def test_predictions_are_the_captures(
    run_files: RunFiles, captures: Path, capture: str, at: str
) -> None:
    run = await run_files(f"{FOLDER}/40/st.zip", f"{FOLDER}/{capture}", at=at)
    message = json.loads((captures / FOLDER / capture).read_text())
    shown = {
        (arrival["trip_id"], arrival["stop_sequence"]): arrival
        for stop_id, board in run.pipeline.boards.boards.items()
        if board["stop"]["location_type"] == 0
        for arrival in board["arrivals"].values()
    }
    compared = 0
    for entity in message["entity"]:
        update = entity["trip_update"]
        if update["trip"]["schedule_relationship"] != "SCHEDULED":
            continue
        for told in update["stop_time_update"]:
            arrival = shown.get((update["trip"]["trip_id"], told["stop_sequence"]))
            if arrival is None or arrival["status"] != "predicted":
                continue
            for event in ("arrival", "departure"):
                if event in told and event in arrival:
                    assert arrival[event] == told[event]["time"]
                    compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    ("capture", "copies"),
    [("trip_update_1683740698.json", ["LLR_2023-03-18_Weekday_100479_1043"])]
    + [(name, []) for name in CAPTURES if not name.endswith("0698.json")],
)
async def test_rule_16_a_duplicate_at_another_start_is_a_copy_else_the_trip(
    run_files: RunFiles, capture: str, copies: list[str]
) -> None:
    """OneBusAway's expectation of the first: the 09:56 trip runs once more, at 10:43."""
    run = await run_files(f"{FOLDER}/40/st.zip", f"{FOLDER}/{capture}", at=CAPTURES[capture])
    runs = [r for r in run.pipeline.updates.runs.values() if r.instance.copy]
    assert [r.instance.trip_id for r in runs] == copies
    for copy in runs:
        assert copy.instance.start_time == seconds("10:43:00")
        assert copy.calls[1].departure == scheduled(
            datetime.fromisoformat(CAPTURES[capture]).astimezone(ZONE), "10:46:00"
        )
    shown = run.arrivals("99914")
    assert all(trip_id in shown for trip_id in copies)
