"""The demo city as a GTFS zip."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from feeds.sources.demo.city import City, Place
from feeds.sources.demo.days import YEARS, calendar, calendar_dates
from feeds.sources.demo.trips import runs, stop_time_rows, trip_row

Row = dict[str, Any]


def write_demo_schedule(path: Path) -> None:
    """Write the GTFS zip; the same bytes each time."""
    city = City.read()
    tables = {
        "agency.txt": [city.agency],
        "stops.txt": stops(city),
        "routes.txt": routes(city),
        "calendar.txt": calendar(),
        "calendar_dates.txt": calendar_dates(),
        "trips.txt": [trip_row(city, run) for run in runs(city)],
        "stop_times.txt": [row for run in runs(city) for row in stop_time_rows(city, run)],
        "feed_info.txt": [feed_info()],
    }
    with ZipFile(path, "w") as archive:
        for name, rows in tables.items():
            info = ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
            archive.writestr(info, csv_text(rows), compress_type=ZIP_DEFLATED)


def csv_text(rows: Iterable[Row]) -> str:
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def stops(city: City) -> Iterator[Row]:
    for key, place in city.stations.items():
        yield stop_row(key, place, location_type=1)
        for platform in "12":
            yield stop_row(
                f"{key}-{platform}", place, parent_station=key, platform_code=platform, code=key
            )
    for key, place in city.bus_stops.items():
        yield stop_row(key, place, code=key.removeprefix("b"))


def stop_row(
    stop_id: str,
    place: Place,
    *,
    location_type: int = 0,
    parent_station: str = "",
    platform_code: str = "",
    code: str = "",
) -> Row:
    return {
        "stop_id": stop_id,
        "stop_code": code,
        "stop_name": place.name,
        "stop_lat": place.lat,
        "stop_lon": place.lon,
        "location_type": location_type,
        "parent_station": parent_station,
        "platform_code": platform_code,
        "wheelchair_boarding": 1,
    }


def routes(city: City) -> Iterator[Row]:
    for line in city.lines:
        yield {
            "route_id": line.id,
            "agency_id": city.agency["agency_id"],
            "route_short_name": line.id.capitalize(),
            "route_long_name": line.name,
            "route_type": line.type,
            "route_color": line.color,
            "route_text_color": line.text_color,
        }


def feed_info() -> Row:
    return {
        "feed_publisher_name": "Stopcast",
        "feed_publisher_url": "https://example.org/",
        "feed_lang": "en",
        "feed_start_date": f"{YEARS[0]}0101",
        "feed_end_date": f"{YEARS[-1]}1231",
        "feed_version": "1",
    }
