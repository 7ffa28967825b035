"""A GTFS schedule as dictionaries and lists, read from its CSV text; slow and obvious.

Written from the GTFS reference and docs/decisions/0003; shares nothing with feeds/.
"""

import csv
import io
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

Row = dict[str, Any]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def read_schedule(path: Path) -> Row:
    """`zone`, `stops`, `routes`, `trips` (each with its `stop_times`), `calendar` and exceptions."""
    with ZipFile(path) as archive:
        stops = {row["stop_id"]: row for row in rows(archive, "stops.txt")}
        trips = {row["trip_id"]: row for row in rows(archive, "trips.txt")}
        for trip in trips.values():
            trip["stop_times"], trip["frequencies"] = [], []
        for row in rows(archive, "stop_times.txt"):
            trips[row["trip_id"]]["stop_times"].append(row)
        for row in rows(archive, "frequencies.txt"):
            trips[row["trip_id"]]["frequencies"].append(row)
        for trip in trips.values():
            trip["stop_times"] = with_times(trip["stop_times"])
        return {
            "zone": ZoneInfo(rows(archive, "agency.txt")[0]["agency_timezone"]),
            "stops": stops,
            "routes": {row["route_id"]: row for row in rows(archive, "routes.txt")},
            "trips": {trip_id: trip for trip_id, trip in trips.items() if trip["stop_times"]},
            "calendar": rows(archive, "calendar.txt"),
            "calendar_dates": rows(archive, "calendar_dates.txt"),
        }


def rows(archive: ZipFile, name: str) -> list[Row]:
    if name not in archive.namelist():
        return []
    text = io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")
    names, *records = [[cell.strip() for cell in record] for record in csv.reader(text) if record]
    return [dict(zip(names, record, strict=False)) for record in records]


def seconds(text: str) -> int:
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


def with_times(stop_times: list[Row]) -> list[Row]:
    """In the order of stop_sequence, every call with `arrival` and `departure` in seconds."""
    ordered = sorted(stop_times, key=lambda row: int(row["stop_sequence"]))
    calls = []
    for row in ordered:
        arrival, departure = row.get("arrival_time", ""), row.get("departure_time", "")
        given = {
            "sequence": int(row["stop_sequence"]),
            "stop_id": row["stop_id"],
            "arrival": seconds(arrival or departure) if arrival or departure else None,
            "departure": seconds(departure or arrival) if arrival or departure else None,
            "headsign": row.get("stop_headsign", ""),
            "pickup": int(row.get("pickup_type") or 0),
            "drop_off": int(row.get("drop_off_type") or 0),
            "distance": row.get("shape_dist_traveled", ""),
        }
        calls.append(given)
    fill_gaps(calls)
    return calls


def fill_gaps(calls: list[Row]) -> None:
    """Between timepoints: evenly by distance if the whole trip has it, else by position."""
    ways = [float(call["distance"]) if call["distance"] else None for call in calls]
    known = [way for way in ways if way is not None]
    if len(known) < len(calls) or known != sorted(known):
        known = [float(position) for position in range(len(calls))]
    timepoints = [n for n, call in enumerate(calls) if call["arrival"] is not None]
    for before, after in pairwise(timepoints):
        span = known[after] - known[before]
        gap = calls[after]["arrival"] - calls[before]["departure"]
        for n in range(before + 1, after):
            if span > 0:
                share = (known[n] - known[before]) / span
            else:
                share = (n - before) / (after - before)
            moment = calls[before]["departure"] + int(share * gap // 1)
            calls[n]["arrival"] = calls[n]["departure"] = moment


def midnight(schedule: Row, day: date) -> int:
    """Noon minus twelve hours of that day, POSIX seconds."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=schedule["zone"])
    return int(noon.timestamp()) - 12 * 3600


def runs(schedule: Row, trip: Row, day: date) -> bool:
    """Whether the trip's service runs on the service day."""
    text = f"{day:%Y%m%d}"
    for row in schedule["calendar_dates"]:
        if row["service_id"] == trip["service_id"] and row["date"] == text:
            return bool(row["exception_type"] == "1")
    return any(
        row["service_id"] == trip["service_id"]
        and row["start_date"] <= text <= row["end_date"]
        and row[WEEKDAYS[day.weekday()]] == "1"
        for row in schedule["calendar"]
    )


def start_times(trip: Row) -> list[int]:
    """When the runs begin that frequencies.txt gives with exact_times=1, in seconds."""
    found = []
    for row in trip["frequencies"]:
        if row.get("exact_times") == "1":
            begin, end = seconds(row["start_time"]), seconds(row["end_time"])
            found += list(range(begin, end, int(row["headway_secs"])))
    return found


def day_of(text: str) -> date | None:
    """YYYYMMDD; None for anything else."""
    if len(text) != 8 or not text.isdigit():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def time_of(text: str) -> int | None:
    """Seconds of HH:MM:SS or H:MM:SS; None for anything else (E020)."""
    hours, *rest = text.strip().split(":")
    if [len(part) for part in rest] != [2, 2] or not 1 <= len(hours) <= 3:
        return None
    digits = all(part.isascii() and part.isdigit() for part in (hours, *rest))
    return seconds(text) if digits and rest[0] < "60" and rest[1] < "60" else None


def days_around(day: date, back: int, ahead: int = 1) -> list[date]:
    return [day + timedelta(days=n) for n in range(-back, ahead + 1)]
