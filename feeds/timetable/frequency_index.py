"""What frequencies.txt stands for at a stop: calls of exact runs by arithmetic, else headways."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from feeds.timetable.entities import StopTime, Trip


class FrequencyCall(NamedTuple):
    """One run of a frequency trip at a stop; times in seconds after noon minus 12 h."""

    trip: Trip
    position: int  # in the trip's stop_times
    start_time: int
    shift: int
    time: int


class FrequencyPeriod(NamedTuple):
    """A period of a trip without exact times, at a stop; seconds after noon minus 12 h."""

    trip: Trip
    position: int
    headway: int
    start: int
    end: int


class _Visit(NamedTuple):
    trip: Trip
    position: int
    time: int  # as stop_times.txt has it
    departs: int  # the trip's first departure there


class FrequencyIndex:
    """By stop, where frequency trips call."""

    def __init__(self, trips: Iterable[tuple[Trip, tuple[StopTime, ...]]]) -> None:
        self._visits: dict[str, list[_Visit]] = defaultdict(list)
        for trip, stop_times in trips:
            for position, stop_time in enumerate(stop_times):
                is_last = position == len(stop_times) - 1
                time = stop_time.arrival if is_last else stop_time.departure
                visit = _Visit(trip, position, time, stop_times[0].departure)
                self._visits[stop_time.stop_id].append(visit)

    def between(self, stop_id: str, start: int, end: int) -> Iterator[FrequencyCall]:
        """The calls at the stop with a time in [start, end), run by run."""
        for trip, position, time, departs in self._visits.get(stop_id, ()):
            offset = time - departs
            for period in trip.frequencies:
                if period.exact:
                    skipped = max(0, -(-(start - offset - period.start) // period.headway))
                    first = period.start + skipped * period.headway
                    stop = min(period.end, end - offset)
                    for start_time in range(first, stop, period.headway):
                        shift = start_time - departs
                        yield FrequencyCall(trip, position, start_time, shift, time + shift)

    def headways(self, stop_id: str, start: int, end: int) -> Iterator[FrequencyPeriod]:
        """The periods without exact times that touch [start, end) at the stop."""
        for trip, position, time, departs in self._visits.get(stop_id, ()):
            offset = time - departs
            for period in trip.frequencies:
                begins, ends = period.start + offset, period.end + offset
                if not period.exact and begins < end and ends >= start:
                    yield FrequencyPeriod(trip, position, period.headway, begins, ends)
