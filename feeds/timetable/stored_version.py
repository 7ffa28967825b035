"""One version of a schedule in Postgres, read: rows become entities, stop_times columns."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
from numpy.typing import NDArray

from feeds.gtfs import stop_time_records
from feeds.gtfs.fields import WEEKDAYS
from feeds.timetable.entities import Agency, Attribution, Frequency, Route, Stop, Trip
from feeds.timetable.service_days import (
    Calendar,
    CalendarDate,
    local_day,
    running_services,
    service_days,
)
from feeds.timetable.stop_times import StopTimes
from feeds.timetable.timetable import Timetable
from feeds.timetable.trip_ids import TripIds
from schemas.database import Connection

_TRIP_IDS = "SELECT trip_id FROM trips WHERE version = $1"


class StoredVersion:
    """Reads within the caller's transaction, which keeps the version from being dropped."""

    def __init__(self, connection: Connection, version: int) -> None:
        self.connection = connection
        self.version = version
        self._texts: dict[str, str] = {}

    async def timetable(self, feed_id: str, moment: float, last_time: int) -> Timetable:
        """The service days around a moment (POSIX seconds).

        `last_time`: the latest of all stop_times, in seconds after noon minus 12 h.
        """
        agencies = await self._agencies()
        timezone = ZoneInfo(next(iter(agencies.values())).timezone)
        days = service_days(local_day(moment, timezone), last_time)
        running = await self._running(days)
        services = sorted(frozenset[str]().union(*running.values()))
        stops = await self._stops()
        trip_rows = await self._trip_rows(services)
        columns = await self._stop_times(services)
        info = await self._rows("SELECT feed_version FROM feed_info WHERE version = $1")
        return Timetable(
            feed_id=feed_id,
            version=self.version,
            feed_version=info[0]["feed_version"] if info else None,
            timezone=timezone,
            agencies=agencies,
            attributions=await self._attributions(),
            stops=stops,
            routes=await self._routes(),
            trips=_trips(trip_rows, columns["trip"], services, await self._frequencies()),
            stop_times=StopTimes(columns, tuple(stops), await self._headsigns()),
            running={day: bytes(service in running[day] for service in services) for day in days},
            trip_ids=TripIds([row["trip_id"] for row in await self._rows(_TRIP_IDS)]),
        )

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        return await self.connection.fetch(query, self.version, *arguments)

    async def _running(self, days: Sequence[date]) -> Mapping[date, frozenset[str]]:
        calendars = await self._rows(
            "SELECT * FROM calendar WHERE version = $1 AND start_date <= $3 AND end_date >= $2",
            days[0],
            days[-1],
        )
        exceptions = await self._rows(
            "SELECT service_id, date, exception_type FROM calendar_dates"
            " WHERE version = $1 AND date BETWEEN $2 AND $3",
            days[0],
            days[-1],
        )
        return running_services(
            (_calendar(row) for row in calendars), (CalendarDate(*row) for row in exceptions), days
        )

    async def _agencies(self) -> dict[str, Agency]:
        rows = await self._rows(
            "SELECT agency_id, agency_name, agency_url, agency_timezone, agency_lang, agency_phone"
            " FROM agency WHERE version = $1"
        )
        return {row["agency_id"] or "": Agency(*row) for row in rows}

    async def _attributions(self) -> tuple[Attribution, ...]:
        rows = await self._rows(
            "SELECT organization_name, is_producer = 1, is_operator = 1, is_authority = 1,"
            " attribution_url, attribution_email, attribution_phone"
            " FROM attributions WHERE version = $1"
        )
        return tuple(Attribution(*row) for row in rows)

    async def _stops(self) -> dict[str, Stop]:
        rows = await self._rows(
            "SELECT stop_id, stop_name, stop_code, location_type, platform_code, parent_station,"
            " stop_lat, stop_lon, stop_timezone, wheelchair_boarding"
            " FROM stops WHERE version = $1 ORDER BY number"
        )
        return {row["stop_id"]: Stop(*map(self._shared, row)) for row in rows}

    async def _routes(self) -> dict[str, Route]:
        rows = await self._rows(
            "SELECT route_id, agency_id, route_short_name, route_long_name, route_color,"
            " route_text_color, route_type FROM routes WHERE version = $1"
        )
        return {row["route_id"]: Route(*map(self._shared, row)) for row in rows}

    async def _trip_rows(self, services: Sequence[str]) -> list[tuple[Any, ...]]:
        rows = await self._rows(
            "SELECT number, service_id, trip_id, route_id, trip_headsign, trip_short_name,"
            " direction_id, wheelchair_accessible, bikes_allowed"
            " FROM trips WHERE version = $1 AND service_id = ANY($2) ORDER BY number",
            services,
        )
        return [tuple(map(self._shared, row)) for row in rows]

    async def _frequencies(self) -> dict[str, tuple[Frequency, ...]]:
        rows = await self._rows(
            "SELECT trip_id, start_time, end_time, headway_secs, exact_times = 1"
            " FROM frequencies WHERE version = $1 ORDER BY trip_id, start_time"
        )
        frequencies: dict[str, tuple[Frequency, ...]] = {}
        for trip_id, *period in rows:
            frequencies[trip_id] = (*frequencies.get(trip_id, ()), Frequency(*period))
        return frequencies

    async def _headsigns(self) -> list[str]:
        rows = await self._rows(
            "SELECT stop_headsign FROM stop_headsigns WHERE version = $1 ORDER BY number"
        )
        return [row["stop_headsign"] for row in rows]

    async def _stop_times(self, services: Sequence[str]) -> stop_time_records.Columns:
        decoder = stop_time_records.Decoder()

        async def take(data: bytes) -> None:
            decoder.feed(data)

        columns = ", ".join(f"stop_times.{name}" for name in stop_time_records.FIELDS)
        await self.connection.copy_from_query(
            f"SELECT {columns} FROM stop_times JOIN trips"  # noqa: S608  # our own constants
            " ON trips.version = stop_times.version AND trips.number = stop_times.trip"
            " WHERE stop_times.version = $1 AND trips.service_id = ANY($2)",
            self.version,
            services,
            output=take,
            format="binary",
        )
        return decoder.columns()

    def _shared(self, value: Any) -> Any:
        """One string object for equal texts: ids and headsigns are repeated on thousands of rows."""
        return self._texts.setdefault(value, value) if isinstance(value, str) else value


def _calendar(row: asyncpg.Record) -> Calendar:
    weekdays = tuple(row[day] == 1 for day in WEEKDAYS)
    return Calendar(row["service_id"], weekdays, row["start_date"], row["end_date"])


def _trips(
    rows: Sequence[Sequence[Any]],
    trip_of_row: NDArray[np.signedinteger],
    services: Sequence[str],
    frequencies: Mapping[str, tuple[Frequency, ...]],
) -> list[Trip]:
    """The trips that call somewhere, in the order of their rows."""
    numbers = [row[0] for row in rows]
    firsts = np.searchsorted(trip_of_row, numbers, side="left").tolist()
    lasts = np.searchsorted(trip_of_row, numbers, side="right").tolist()
    service_numbers = {service: number for number, service in enumerate(services)}
    trips = []
    for (_, service, *fields), first, last in zip(rows, firsts, lasts, strict=True):
        if first < last:
            place = (service_numbers[service], first, last, frequencies.get(fields[0], ()))
            trips.append(Trip(*(*fields, *place)))
    return trips
