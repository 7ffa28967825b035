"""The NYC subway poll by poll: one pipeline beside the reference, which begins anew each time.

The schedule ends before the captures begin; so they are also read as if its weekdays went on: then
the messages stand for a part of the scheduled trains (tests/reference/nyct.py).
"""

from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

from google.transit.gtfs_realtime_pb2 import FeedMessage
from hypothesis import settings

from feeds.realtime.pipeline import Pipeline
from tests.reference.boards import boards, remembered
from tests.reference.comparison import Arrivals, agree, shown
from tests.reference.schedule import read_schedule
from tests.schedules import load

SUBWAY = "onebusaway-app-modules/nyct_multi_trips"
WEEKDAYS = "5"  # a service_id
BETWEEN = 30  # seconds after a poll when the boards are looked at once more
# All 80 polls take minutes: `pytest --hypothesis-profile=long` takes them.
ALL = settings.default is not None and settings.default.max_examples > 1000


def test_after_the_end_of_the_schedule(captures: Path) -> None:
    messages = polls(captures)
    chosen = messages if ALL else [*messages[:3], *messages[8::8]]
    follow(captures / SUBWAY / "MTASBWY/cut.zip", chosen)


def test_as_if_the_schedule_went_on(captures: Path, tmp_path: Path) -> None:
    messages = polls(captures)
    chosen = messages if ALL else [*messages[:2], *messages[40::39]]
    follow(going_on(captures / SUBWAY / "MTASBWY/cut.zip", tmp_path), chosen)


def polls(captures: Path) -> list[FeedMessage]:
    """Without the vehicles, which are beyond the reference."""
    files = sorted((captures / SUBWAY).glob("*.pb"))
    messages = [FeedMessage.FromString(file.read_bytes()) for file in files]
    assert len(messages) == 80
    for message in messages:
        for entity in message.entity:
            entity.ClearField("vehicle")
    return messages


def going_on(path: Path, folder: Path) -> Path:
    changed = folder / "going_on.zip"
    days = "".join(f"{WEEKDAYS},2024020{day},1\n" for day in (7, 8, 9))
    with ZipFile(path) as before, ZipFile(changed, "w") as after:
        for name in before.namelist():
            dates = name == "calendar_dates.txt"
            after.writestr(
                name, f"service_id,date,exception_type\n{days}" if dates else before.read(name)
            )
    return changed


def follow(path: Path, messages: list[FeedMessage]) -> None:
    schedule = read_schedule(path)
    begin = datetime.fromtimestamp(messages[0].header.timestamp, schedule["zone"])
    pipeline = Pipeline(load(path, begin.date()))
    days = list(pipeline.timetable.dates)
    before: dict[str, Arrivals] = {stop_id: [] for stop_id in schedule["stops"]}
    for message in messages:
        data, polled = message.SerializeToString(), message.header.timestamp
        pipeline.poll(0, data, polled)
        for now in (polled, polled + BETWEEN):
            pipeline.changes(pipeline.pending(now), now)
            told = boards(schedule, [data], now, days)
            expected = {s: remembered(before[s], a, now) for s, a in told.items()}
            assert agree(pipeline.boards.boards, expected, now) > 1000
            before |= {s: shown(board) for s, board in pipeline.boards.boards.items()}
