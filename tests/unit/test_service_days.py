from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from feeds.timetable.service_days import (
    Calendar,
    CalendarDate,
    midnight,
    running_services,
    service_days,
)

NEW_YORK = ZoneInfo("America/New_York")
SYDNEY = ZoneInfo("Australia/Sydney")
EVERY_DAY = (True,) * 7
WEEKDAYS = (True,) * 5 + (False,) * 2


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        (date(2024, 7, 1), NEW_YORK, "2024-07-01T04:00"),  # local midnight
        (
            date(2024, 3, 10),
            NEW_YORK,
            "2024-03-10T04:00",
        ),  # clocks go forward: 23:00 the day before
        (date(2024, 11, 3), NEW_YORK, "2024-11-03T05:00"),  # clocks go back: 01:00
        (date(2024, 10, 6), SYDNEY, "2024-10-05T13:00"),  # southern spring: 23:00 the day before
        (date(2024, 4, 7), SYDNEY, "2024-04-06T14:00"),  # southern autumn: 01:00
        (date(2024, 12, 31), ZoneInfo("Asia/Kathmandu"), "2024-12-30T18:15"),
    ],
)
def test_rule_24_a_service_day_begins_twelve_hours_before_its_noon(
    day: date, zone: ZoneInfo, begins: str
) -> None:
    assert midnight(day, zone) == utc(begins)


def test_rule_24_a_morning_time_is_the_local_clock_on_the_days_when_clocks_change() -> None:
    for day in (date(2024, 3, 10), date(2024, 11, 3)):
        eight = datetime.fromtimestamp(midnight(day, NEW_YORK) + 8 * 3600, NEW_YORK)
        assert (eight.date(), eight.hour) == (day, 8)


@pytest.mark.parametrize(
    ("last_time", "first"),
    [(0, 14), (86_399, 14), (90_600, 14), (2 * 86_400, 13), (75 * 3600, 12)],
)
def test_days_reach_back_as_far_as_a_trip_still_runs_and_to_tomorrow(
    last_time: int, first: int
) -> None:
    days = service_days(date(2024, 5, 15), last_time)
    assert days == tuple(date(2024, 5, day) for day in range(first, 17))


def test_calendar_alone_says_what_runs() -> None:
    calendar = Calendar("work", WEEKDAYS, date(2024, 5, 1), date(2024, 5, 31))
    days = [date(2024, 4, 30), date(2024, 5, 3), date(2024, 5, 4), date(2024, 5, 31)]
    running = running_services([calendar], [], days)
    assert [bool(running[day]) for day in days] == [False, True, False, True]


def test_calendar_dates_alone_say_what_runs() -> None:
    days = [date(2024, 5, 3), date(2024, 5, 4)]
    running = running_services([], [CalendarDate("fair", days[1], 1)], days)
    assert running == {days[0]: frozenset(), days[1]: frozenset({"fair"})}


def test_calendar_dates_add_to_and_take_from_calendar() -> None:
    day, other = date(2024, 5, 3), date(2024, 5, 4)
    calendar = Calendar("daily", EVERY_DAY, date(2024, 1, 1), date(2024, 12, 31))
    exceptions = [
        CalendarDate("daily", day, 2),
        CalendarDate("holiday", day, 1),
        CalendarDate("never", other, 2),
        CalendarDate("elsewhere", date(2024, 6, 1), 1),
    ]
    running = running_services([calendar], exceptions, [day, other])
    assert running == {day: {"holiday"}, other: {"daily"}}
