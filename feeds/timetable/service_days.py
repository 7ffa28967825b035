"""Service days: when one begins, which services run on it, and which ones reach into now."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 86_400


@lru_cache(64)  # asked for with every trip
def midnight(service_date: date, timezone: ZoneInfo) -> int:
    """Where the times of a service day count from: noon minus 12 h, in POSIX seconds.

    It is the local midnight except on the days when clocks change (GTFS reference, "Time").
    """
    noon = datetime.combine(service_date, time(12), tzinfo=timezone)
    return int(noon.timestamp()) - DAY // 2


def local_day(moment: float, timezone: ZoneInfo) -> date:
    """The calendar's date there at a moment (POSIX seconds)."""
    return datetime.fromtimestamp(moment, timezone).date()


def service_days(today: date, last_time: int) -> tuple[date, ...]:
    """The service days that a board of `today` may show calls of, ascending.

    Back to the one whose latest stop_time (`last_time`, seconds) still falls on today, yesterday at
    the least, and on to tomorrow, which a window of some hours reaches.
    """
    back = max(1, last_time // DAY)
    return tuple(today + timedelta(days=n) for n in range(-back, 2))


class Calendar(NamedTuple):
    """A row of calendar.txt; `weekdays` begins with Monday."""

    service_id: str
    weekdays: tuple[bool, ...]
    start_date: date
    end_date: date

    def runs(self, day: date) -> bool:
        return self.weekdays[day.weekday()] and self.start_date <= day <= self.end_date


class CalendarDate(NamedTuple):
    """A row of calendar_dates.txt; exception_type 1 adds the day, 2 removes it."""

    service_id: str
    date: date
    exception_type: int


def running_services(
    calendars: Iterable[Calendar], exceptions: Iterable[CalendarDate], days: Sequence[date]
) -> Mapping[date, frozenset[str]]:
    """The service_ids that run on each of `days`."""
    calendars = list(calendars)
    running = {day: {c.service_id for c in calendars if c.runs(day)} for day in days}
    for service_id, day, exception_type in exceptions:
        if day in running:
            if exception_type == 1:
                running[day].add(service_id)
            else:
                running[day].discard(service_id)
    return {day: frozenset(services) for day, services in running.items()}
