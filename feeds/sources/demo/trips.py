"""The demo city's trips: each line in both directions, a trip every so many minutes."""

from collections.abc import Iterator
from itertools import accumulate, pairwise
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

from feeds.realtime.descriptors import gtfs_time
from feeds.sources.demo.city import City, Line, Place
from feeds.sources.demo.days import service_of

EARTH_RADIUS = 6_371_000  # metres


class Run(NamedTuple):
    """One trip: a line in one direction, beginning `start` seconds into the service day."""

    line: Line
    direction: int
    start: int

    @property
    def trip_id(self) -> str:
        return f"{self.line.id}-{self.direction}-{gtfs_time(self.start)[:5].replace(':', '')}"

    @property
    def stops(self) -> list[str]:
        return self.line.stops[::-1] if self.direction else self.line.stops


def runs(city: City) -> Iterator[Run]:
    for line in city.lines:
        for direction in (0, 1):
            for minute in departures(city):
                yield Run(line, direction, (minute + line.offset) * 60)


def departures(city: City) -> Iterator[int]:
    """Minutes of the service day, through its 25th hour."""
    ends = [hour for hour, _ in city.headways[1:]] + [25]
    for (hour, minutes), end in zip(city.headways, ends, strict=True):
        yield from range(hour * 60, end * 60, minutes)


def trip_row(city: City, run: Run) -> dict[str, Any]:
    return {
        "trip_id": run.trip_id,
        "route_id": run.line.id,
        "service_id": service_of(run.start - run.line.offset * 60),
        "trip_headsign": city.places[run.stops[-1]].name,
        "direction_id": run.direction,
        "wheelchair_accessible": 1,
        "bikes_allowed": 1,
    }


def stop_time_rows(city: City, run: Run) -> Iterator[dict[str, Any]]:
    platform = f"-{run.direction + 1}" if run.stops[0] in city.stations else ""
    last = len(run.stops) - 1
    for index, (stop, after) in enumerate(zip(run.stops, ride(city, run), strict=True)):
        arrival = run.start + after
        yield {
            "trip_id": run.trip_id,
            "arrival_time": gtfs_time(arrival),
            "departure_time": gtfs_time(arrival + (run.line.dwell if 0 < index < last else 0)),
            "stop_id": stop + platform,
            "stop_sequence": index + 1,
        }


def ride(city: City, run: Run) -> list[int]:
    """Seconds from the trip's start to the arrival at each stop, in half minutes."""
    legs = [metres(city.places[a], city.places[b]) for a, b in pairwise(run.stops)]
    seconds = (max(round(leg / (run.line.speed / 3.6) / 30), 2) * 30 for leg in legs)
    arrivals = list(accumulate(seconds, initial=0))
    return [after + run.line.dwell * max(index - 1, 0) for index, after in enumerate(arrivals)]


def metres(here: Place, there: Place) -> float:
    """The great circle between two places (haversine formula)."""
    lat1, lon1, lat2, lon2 = map(radians, (here.lat, here.lon, there.lat, there.lon))
    square = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(square))
