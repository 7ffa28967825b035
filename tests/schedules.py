"""A GTFS zip as a Timetable without a database: the import's reading, the loading's entities."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import numpy as np

from feeds.gtfs.fields import WEEKDAYS
from feeds.gtfs.schedule import GtfsSchedule, read_schedule
from feeds.timetable.entities import Agency, Frequency, Route, Stop, Trip
from feeds.timetable.service_days import Calendar, CalendarDate, running_services, service_days
from feeds.timetable.stop_times import COLUMNS, StopTimes
from feeds.timetable.timetable import Timetable
from feeds.timetable.trip_ids import TripIds

_STOP = [
    "stop_id",
    "stop_name",
    "stop_code",
    "location_type",
    "platform_code",
    "parent_station",
    "stop_lat",
    "stop_lon",
    "stop_timezone",
    "wheelchair_boarding",
]
_ROUTE = [
    "route_id",
    "agency_id",
    "route_short_name",
    "route_long_name",
    "route_color",
    "route_text_color",
    "route_type",
]
_TRIP = [
    "trip_id",
    "route_id",
    "trip_headsign",
    "trip_short_name",
    "direction_id",
    "wheelchair_accessible",
    "bikes_allowed",
]
_AGENCY = [
    "agency_id",
    "agency_name",
    "agency_url",
    "agency_timezone",
    "agency_lang",
    "agency_phone",
]


def write(files: Mapping[str, str], folder: str) -> Path:
    """A GTFS zip in `folder` of CSV texts by file name."""
    path = Path(folder) / "gtfs.zip"
    with ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def load(path: Path, day: date, feed_id: str = "feed") -> Timetable:
    """The service days around `day`, as `feeds.timetable.stored_schedule` would load them."""
    schedule = read_schedule(path, path.name, lambda *_: None, skip_wrong=True)
    return timetable(schedule, service_days(day, schedule.last_time), feed_id)


def timetable(schedule: GtfsSchedule, days: Sequence[date], feed_id: str) -> Timetable:
    tables = schedule.tables
    calendars = [
        Calendar(row["service_id"], tuple(row[d] == 1 for d in WEEKDAYS), row["start_date"],
                 row["end_date"])
        for row in tables["calendar"].to_dicts()
    ]  # fmt: skip
    exceptions = tables["calendar_dates"].select("service_id", "date", "exception_type").rows()
    running = running_services(calendars, [CalendarDate(*row) for row in exceptions], days)
    services = sorted(frozenset[str]().union(*running.values()))
    frequencies: dict[str, tuple[Frequency, ...]] = {}
    for row in tables["frequencies"].sort("trip_id", "start_time").to_dicts():
        period = Frequency(
            row["start_time"], row["end_time"], row["headway_secs"], row["exact_times"] == 1
        )
        frequencies[row["trip_id"]] = (*frequencies.get(row["trip_id"], ()), period)
    columns = schedule.stop_times.columns
    trips, chosen, first = [], [], 0
    for row in tables["trips"].to_dicts():
        rows = np.flatnonzero(columns["trip"] == row["number"])
        if row["service_id"] in services and len(rows):
            service, last = services.index(row["service_id"]), first + len(rows)
            periods = frequencies.get(row["trip_id"], ())
            fields: list[Any] = [*(row[name] for name in _TRIP), service, first, last, periods]
            trips.append(Trip(*fields))
            chosen.append(rows)
            first = last
    order = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    ordered = {name: columns[name][order] for name in COLUMNS}
    stops = {row[0]: Stop(*row) for row in tables["stops"].select(_STOP).rows()}
    routes = {row[0]: Route(*row) for row in tables["routes"].select(_ROUTE).rows()}
    agencies = {row[0] or "": Agency(*row) for row in tables["agency"].select(_AGENCY).rows()}
    return Timetable(
        feed_id=feed_id,
        version=1,
        feed_version=None,
        timezone=ZoneInfo(next(iter(agencies.values())).timezone),
        agencies=agencies,
        attributions=(),
        stops=stops,
        routes=routes,
        trips=trips,
        stop_times=StopTimes(ordered, list(stops), schedule.stop_times.headsigns.to_list()),
        running={d: bytes(service in running[d] for service in services) for d in days},
        trip_ids=TripIds(tables["trips"]["trip_id"]),
    )
