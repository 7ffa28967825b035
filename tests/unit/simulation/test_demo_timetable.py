"""The demo city never sleeps, on no day of the year."""

from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from feeds.sources.demo.city import City

HOUR = 3600
DAYS = {
    "a day like any other": date(2026, 6, 10),
    "the day before the clocks go forward": date(2026, 3, 7),
    "the day the clocks go forward": date(2026, 3, 8),
    "the day before the clocks go back": date(2026, 10, 31),
    "the day the clocks go back": date(2026, 11, 1),
    "the day after the clocks went back": date(2026, 11, 2),
}


@pytest.mark.parametrize("today", DAYS.values(), ids=DAYS)
def test_every_platform_has_a_call_within_20_minutes_at_any_hour(
    load_demo: Any, today: date
) -> None:
    timetable = load_demo(today)
    begin, end = timetable.midnight(today) - HOUR, timetable.midnight(today) + 25 * HOUR
    platforms = [stop for stop in timetable.stops.values() if stop.parent_station]
    for platform in platforms:
        times = [call.time for call in timetable.calls(platform.stop_id, begin, end)]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) <= 20 * 60, platform.stop_id


@pytest.mark.parametrize("today", DAYS.values(), ids=DAYS)
def test_no_hour_has_its_trains_twice(load_demo: Any, today: date) -> None:
    timetable = load_demo(today)
    begin, end = timetable.midnight(today) - HOUR, timetable.midnight(today) + 25 * HOUR
    calls = timetable.calls("MLBR-1", begin, end)  # one line ends there
    assert min(after.time - before.time for before, after in pairwise(calls)) >= 4 * 60


def test_rail_stations_have_two_platforms_and_buses_plain_stops(load_demo: Any) -> None:
    timetable = load_demo(date(2026, 6, 10))
    city = City.read()
    for station in city.stations:
        platforms = [timetable.stops[stop_id] for stop_id in timetable.children(station)]
        assert [platform.platform_code for platform in platforms] == ["1", "2"]
    for stop_id in city.bus_stops:
        assert timetable.stops[stop_id].location_type == 0
        assert timetable.stops[stop_id].parent_station is None
