"""The NYC subway's replay of 2024-02-08: its captures and their schedule."""

import asyncio

from bench.captures import CAPTURES
from feeds.commands.once import read_schedule
from feeds.config import Feed
from feeds.realtime.captures import capture_time
from feeds.timetable.timetable import Timetable

FOLDER = CAPTURES / "onebusaway-app-modules" / "nyct_multi_trips"
SCHEDULE = FOLDER / "MTASBWY" / "cut.zip"


def subway(polls: int) -> tuple[list[bytes], Timetable]:
    """The first messages, and the timetable of their day."""
    messages = [file.read_bytes() for file in sorted(FOLDER.glob("*.pb"))][:polls]
    feed = Feed(schedule=str(SCHEDULE))
    schedule = asyncio.run(read_schedule("nyct", feed, capture_time(messages[0])))
    return messages, schedule.timetable
