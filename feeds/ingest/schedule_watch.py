"""Following a feed's schedule: loads its timetable, and again when there is reason to."""

import asyncio
from collections.abc import Callable

import structlog

from feeds.timetable.stored_schedule import active_version, timetable_at
from feeds.timetable.timetable import Timetable
from schemas.database import DatabaseError, connect

CHECK = 30.0  # seconds between two looks at which version is active
IMPATIENT = 2.0  # while there is none

log = structlog.get_logger()


class ScheduleWatch:
    """A new version was imported, or another service day has begun: a newer timetable is loaded.

    While Postgres is away, the one that is loaded serves on.
    """

    def __init__(
        self, feed_id: str, database_url: str, now: Callable[[], float], news: asyncio.Event
    ) -> None:
        """`now` is the board clock, in POSIX seconds; `news` is set with each new timetable."""
        self.feed_id = feed_id
        self._url = database_url
        self._now = now
        self._news = news
        self._loaded: Timetable | None = None
        self._waiting: Timetable | None = None
        self._log = log.bind(feed=feed_id)

    def take(self) -> Timetable | None:
        """The newest timetable, once."""
        timetable, self._waiting = self._waiting, None
        return timetable

    def forget(self) -> None:
        """Load again, whatever was loaded."""
        self._loaded = self._waiting = None

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                if timetable := await self._newer():
                    self._loaded = self._waiting = timetable
                    self._news.set()
            except DatabaseError as error:
                self._log.warning("schedule_not_loaded", error=str(error))
            await asyncio.sleep(CHECK if self._loaded else IMPATIENT)

    async def _newer(self) -> Timetable | None:
        async with connect(self._url) as connection:
            version = await active_version(connection, self.feed_id)
            if version is None:
                hint = f"stopcast feeds import SOURCE --feed {self.feed_id}"
                self._log.warning("no_schedule", hint=hint)
                return None
            loaded = self._loaded
            if loaded and loaded.version == version and loaded.reaches(self._now()):
                return None
            return await timetable_at(connection, self.feed_id, self._now())
