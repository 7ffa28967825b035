"""The demo city's timetable without a database: its zip is plain enough to be read in a few lines."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from feeds.sources.demo.schedule import write_demo_schedule
from feeds.timetable.entities import Agency, Route, Stop, Trip
from feeds.timetable.stop_times import StopTimes
from feeds.timetable.timetable import Timetable
from tests.timetables import stop_time_columns

LoadTimetable = Callable[[date], Timetable]
Rows = list[dict[str, str]]


@pytest.fixture(scope="session")
def load_demo(tmp_path_factory: pytest.TempPathFactory) -> LoadTimetable:
    """`load_demo(today)`: the demo city from yesterday to tomorrow."""
    path = tmp_path_factory.mktemp("demo") / "demo.zip"
    write_demo_schedule(path)
    tables = read(path)
    return cache(lambda today: timetable(tables, today))


def read(path: Path) -> dict[str, Rows]:
    with ZipFile(path) as archive:
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            for name in archive.namelist()
        }


def timetable(tables: dict[str, Rows], today: date) -> Timetable:
    days = [today + timedelta(n) for n in (-1, 0, 1)]
    running = {day: services(tables, day) for day in days}
    names = sorted(set[str]().union(*running.values()))
    stops = {row["stop_id"]: stop(row) for row in tables["stops.txt"]}
    stop_times = {
        trip_id: list(rows)
        for trip_id, rows in groupby(tables["stop_times.txt"], lambda row: row["trip_id"])
    }
    trips: list[Trip] = []
    records: list[tuple[int, ...]] = []
    numbers = {stop_id: number for number, stop_id in enumerate(stops)}
    for row in tables["trips.txt"]:
        if row["service_id"] in names:
            rows = stop_times[row["trip_id"]]
            trips.append(trip(row, names, len(records), len(rows)))
            records += [record(each, numbers) for each in rows]
    agency = tables["agency.txt"][0]
    zone = agency["agency_timezone"]
    return Timetable(
        feed_id="demo",
        version=1,
        feed_version="1",
        timezone=ZoneInfo(zone),
        agencies={"bay": Agency("bay", agency["agency_name"], "", zone, "en", None)},
        attributions=(),
        stops=stops,
        routes={row["route_id"]: route(row) for row in tables["routes.txt"]},
        trips=trips,
        stop_times=StopTimes(stop_time_columns(records), tuple(stops), ()),
        running={day: bytes(name in running[day] for name in names) for day in days},
    )


def services(tables: dict[str, Rows], day: date) -> set[str]:
    running = {row["service_id"] for row in tables["calendar.txt"]}
    for row in tables["calendar_dates.txt"]:
        if row["date"] == f"{day:%Y%m%d}":
            change = running.add if row["exception_type"] == "1" else running.discard
            change(row["service_id"])
    return running


def stop(row: dict[str, str]) -> Stop:
    return Stop(
        row["stop_id"],
        row["stop_name"],
        row["stop_code"] or None,
        int(row["location_type"]),
        row["platform_code"] or None,
        row["parent_station"] or None,
        float(row["stop_lat"]),
        float(row["stop_lon"]),
        None,
        1,
    )


def route(row: dict[str, str]) -> Route:
    return Route(
        row["route_id"],
        row["agency_id"],
        row["route_short_name"],
        row["route_long_name"],
        row["route_color"],
        row["route_text_color"],
        int(row["route_type"]),
    )


def trip(row: dict[str, str], services: list[str], first: int, length: int) -> Trip:
    return Trip(
        trip_id=row["trip_id"],
        route_id=row["route_id"],
        headsign=row["trip_headsign"],
        short_name=None,
        direction_id=int(row["direction_id"]),
        wheelchair_accessible=1,
        bikes_allowed=1,
        service=services.index(row["service_id"]),
        first=first,
        last=first + length,
    )


def record(row: dict[str, str], stops: dict[str, int]) -> tuple[int, ...]:
    arrival, departure = seconds(row["arrival_time"]), seconds(row["departure_time"])
    return (int(row["stop_sequence"]), stops[row["stop_id"]], arrival, departure, -1, 0, 0)


def seconds(text: str) -> int:
    hours, minutes, rest = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + rest
