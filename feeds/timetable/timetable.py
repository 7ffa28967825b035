"""The timetable: the service days around now, in memory, for look-ups by trip and by stop."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from operator import attrgetter
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from feeds.timetable.entities import (
    Agency,
    Attribution,
    Route,
    ScheduledCall,
    ScheduledHeadway,
    Stop,
    StopTime,
    Trip,
)
from feeds.timetable.frequency_index import FrequencyIndex
from feeds.timetable.served_routes import ServedRoutes
from feeds.timetable.service_days import local_day, midnight
from feeds.timetable.stop_index import StopIndex
from feeds.timetable.stop_times import StopTimes
from feeds.timetable.trip_ids import TripIds


class Timetable:
    """One version of a feed's schedule, cut to the service days it was loaded for.

    `trips` are only those that run on one of `dates`; their rows in `stop_times` follow each other
    in the order of `trips`. `running` says for each date (ascending) which services run: one byte
    per service number, 1 or 0. `trip_ids` are those of the whole version.
    """

    def __init__(
        self,
        *,
        feed_id: str,
        version: int,
        feed_version: str | None,
        timezone: ZoneInfo,
        agencies: dict[str, Agency],
        attributions: tuple[Attribution, ...],
        stops: dict[str, Stop],
        routes: dict[str, Route],
        trips: Sequence[Trip],
        stop_times: StopTimes,
        running: Mapping[date, bytes],
        trip_ids: TripIds = TripIds(),  # noqa: B008  # it is never changed
    ) -> None:
        self.feed_id = feed_id
        self.version = version
        self.feed_version = feed_version
        self.timezone = timezone
        self.agencies = agencies
        self.attributions = attributions
        self.stops = stops
        self.routes = routes
        self.trips = {trip.trip_id: trip for trip in trips}
        self.dates = tuple(running)
        self._running = dict(running)
        self._midnights = [(day, self.midnight(day), running[day]) for day in self.dates]
        self._stop_times = stop_times
        self._trips = tuple(trips)
        self._trip_ids = trip_ids
        self._children = _children(stops)
        self._index_calls()

    def _index_calls(self) -> None:
        arrays = self._stop_times.arrays
        self._firsts = [trip.first for trip in self._trips]
        times = arrays["departure"].astype(np.int32)
        ends = np.array([trip.last - 1 for trip in self._trips], dtype=np.int64)
        times[ends] -= arrays["stay"][ends]
        plain = np.array([not trip.frequencies for trip in self._trips], dtype=np.bool_)
        rows = np.flatnonzero(plain[self._trip_of_row()]).astype(np.int32)
        self._by_stop = StopIndex(
            rows, arrays["stop"][rows], times[rows], self._stop_times.stop_ids
        )
        self._by_frequency = FrequencyIndex(
            (trip, self.stop_times(trip)) for trip in self._trips if trip.frequencies
        )

    def _trip_of_row(self) -> NDArray[np.int32]:
        lengths = [trip.length for trip in self._trips]
        return np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, which grow with the number of stop_times."""
        return self._stop_times.nbytes + self._by_stop.nbytes

    def midnight(self, service_date: date) -> int:
        """POSIX seconds of noon minus 12 h; of any date."""
        return midnight(service_date, self.timezone)

    def reaches(self, moment: float) -> bool:
        """Whether it was loaded for the day of that moment (POSIX seconds): up to the next one."""
        return self.dates[-1] == local_day(moment, self.timezone) + timedelta(1)

    def has_trip(self, trip_id: str) -> bool:
        """Whether the version has such a trip, though it may run on none of `dates`."""
        return trip_id in self.trips or trip_id in self._trip_ids

    def trips_by_start(self, route_id: str, start: int) -> Sequence[Trip]:
        """The route's trips that first depart at `start` (seconds after noon minus 12 h).

        Of frequency trips none, since stop_times do not say when they depart.
        """
        return self._by_start.get((route_id, start), ())

    @cached_property
    def _by_start(self) -> Mapping[tuple[str, int], list[Trip]]:
        by_start = defaultdict(list)
        departures = self._stop_times.arrays["departure"]
        for trip in self._trips:
            if not trip.frequencies:
                by_start[trip.route_id, int(departures[trip.first])].append(trip)
        return by_start

    @cached_property
    def served(self) -> ServedRoutes:
        """Which routes call where."""
        stop_of_row = self._stop_times.arrays["stop"]
        trip_of_row = self._trip_of_row()
        return ServedRoutes(self._trips, trip_of_row, stop_of_row, self._stop_times.stop_ids)

    def runs(self, trip: Trip, service_date: date) -> bool:
        """Whether the trip's service runs on that day; outside of `dates` it never does."""
        running = self._running.get(service_date)
        return running is not None and running[trip.service] == 1

    def stop_times(self, trip: Trip) -> tuple[StopTime, ...]:
        """All stop_times of the trip, ascending by stop_sequence."""
        return self._stop_times.rows(trip.first, trip.last)

    def stop_ids(self, trip: Trip) -> Iterator[str]:
        """Where the trip calls, in order."""
        return self._stop_times.stops(trip.first, trip.last)

    def stop_time(self, trip: Trip, position: int) -> StopTime:
        """The stop_time at a position in the trip.

        Raises:
            IndexError: there is no such position.
        """
        if not 0 <= position < trip.length:
            raise IndexError(position)
        return self._stop_times.row(trip.first + position)

    def last_stop_time(self, trip: Trip) -> StopTime:
        """The stop_time where the trip ends."""
        return self._stop_times.row(trip.last - 1)

    def children(self, stop_id: str) -> tuple[str, ...]:
        """The platforms (location_type 0) of a station; none for anything else."""
        return self._children.get(stop_id, ())

    def calls(self, stop_id: str, start: int, end: int) -> list[ScheduledCall]:
        """The calls at exactly this stop with an effective time in [start, end), ascending.

        Of all loaded service days; runs of frequency trips with exact_times=1 are among them,
        those with exact_times=0 have no times to be found by (`headways`).
        """
        found = []
        trips, firsts = self._trips, self._firsts
        for day, zero, running in self._midnights:
            for row, time in self._by_stop.between(stop_id, start - zero, end - zero):
                trip = trips[bisect_right(firsts, row) - 1]
                if running[trip.service]:
                    found.append(ScheduledCall(trip, day, None, row - trip.first, 0, zero + time))
            for run in self._by_frequency.between(stop_id, start - zero, end - zero):
                trip, position, start_time, shift, time = run
                if running[trip.service]:
                    found.append(ScheduledCall(trip, day, start_time, position, shift, zero + time))
        found.sort(key=attrgetter("time"))
        return found

    def headways(self, stop_id: str, start: int, end: int) -> list[ScheduledHeadway]:
        """Where vehicles call at intervals at exactly this stop, some time in [start, end)."""
        return [
            ScheduledHeadway(stop_id, trip, day, position, headway, zero + begins, zero + ends)
            for day, zero, running in self._midnights
            for trip, position, headway, begins, ends in self._by_frequency.headways(
                stop_id, start - zero, end - zero
            )
            if running[trip.service]
        ]


def _children(stops: Mapping[str, Stop]) -> dict[str, tuple[str, ...]]:
    children: dict[str, list[str]] = defaultdict(list)
    for stop in stops.values():
        if stop.parent_station is not None and stop.location_type == 0:
            children[stop.parent_station].append(stop.stop_id)
    return {station: tuple(platforms) for station, platforms in children.items()}
