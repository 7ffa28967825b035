"""The demo city's service days.

Trips begin around the clock, but a service day counts from noon minus 12 h: on the two days of a
year when clocks change it begins an hour off. So that no hour has its trips twice or none at all,
the day before drops its last hour or runs a 25th one.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from feeds.gtfs.fields import WEEKDAYS

YEARS = range(2000, 2100)
HOUR = 3600
EVERY_DAY, LAST_HOUR, EXTRA_HOUR = "every-day", "last-hour", "extra-hour"


def calendar() -> Iterator[dict[str, Any]]:
    for service_id in (EVERY_DAY, LAST_HOUR):
        yield {
            "service_id": service_id,
            **dict.fromkeys(WEEKDAYS, 1),
            "start_date": f"{YEARS[0]}0101",
            "end_date": f"{YEARS[-1]}1231",
        }


def calendar_dates() -> Iterator[dict[str, Any]]:
    for year in YEARS:
        forward, back = clock_changes(year)
        yield calendar_date(LAST_HOUR, forward - timedelta(1), exception_type=2)
        yield calendar_date(EXTRA_HOUR, back - timedelta(1), exception_type=1)


def calendar_date(service_id: str, day: date, exception_type: int) -> dict[str, Any]:
    return {"service_id": service_id, "date": f"{day:%Y%m%d}", "exception_type": exception_type}


def clock_changes(year: int) -> tuple[date, date]:
    """The second Sunday of March and the first of November (US Energy Policy Act of 2005)."""
    return sunday_from(date(year, 3, 8)), sunday_from(date(year, 11, 1))


def sunday_from(day: date) -> date:
    return day + timedelta(6 - day.weekday())


def service_of(start: int) -> str:
    if start < 23 * HOUR:
        return EVERY_DAY
    return LAST_HOUR if start < 24 * HOUR else EXTRA_HOUR
