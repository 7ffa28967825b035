"""On which service day a run is that realtime speaks of (SPEC rule 10, oracles T13 and F26)."""

from datetime import date, timedelta

from google.transit.gtfs_realtime_pb2 import TripUpdate

from feeds.realtime.stop_matching import StopTimeUpdate, moment
from feeds.timetable.entities import Trip
from feeds.timetable.service_days import DAY
from feeds.timetable.timetable import Timetable

_WRONG = 12 * 3600  # a call that far off is on another day …
_RIGHT = 6 * 3600  # … if it fits that one within this


def nearest_day(
    trip: Trip, start: int | None, update: TripUpdate, timetable: Timetable, now: float
) -> date | None:
    """The running day on which the trip is nearest to what the update speaks of, or to `now`.

    `start`: when the run begins (seconds after noon minus 12 h), where stop_times do not tell.
    """
    told = next((at for each in update.stop_time_update if (at := _time(each))), now)
    departs = timetable.stop_time(trip, 0).departure
    begin = departs if start is None or not trip.frequencies else start
    end = timetable.last_stop_time(trip).arrival + begin - departs

    def distance(day: date) -> float:
        zero = timetable.midnight(day)
        return max(zero + begin - told, told - zero - end, 0)

    return min((d for d in timetable.dates if timetable.runs(trip, d)), key=distance, default=None)


def is_calendar_date(
    trip: Trip, start_date: date, start: int | None, update: TripUpdate, timetable: Timetable
) -> bool:
    """Whether `start_date` is the calendar's date of a run that began its service day before.

    Some producers write it so for trips past midnight: the start time is 24 hours off, or the
    calls are more than 12, while on the day before they fit within 6.
    """
    last = timetable.last_stop_time(trip)
    if trip.frequencies or last.arrival < DAY:
        return False
    if not timetable.runs(trip, start_date - timedelta(1)):
        return False
    begins = timetable.stop_time(trip, 0).departure
    if start in (begins, begins - DAY):
        return start != begins
    off = _off(trip, start_date, update, timetable)
    return off is not None and off < -_WRONG and abs(off + DAY) <= _RIGHT


def _off(trip: Trip, day: date, update: TripUpdate, timetable: Timetable) -> int | None:
    """Seconds by which the first call with a time is late if the run is of `day`."""
    stop_times = timetable.stop_times(trip)
    for told in update.stop_time_update:
        given = _time(told)
        for planned in stop_times if given else ():
            if told.HasField("stop_sequence"):
                found = told.stop_sequence == planned.stop_sequence
            else:
                found = told.stop_id == planned.stop_id
            if found:
                return given - timetable.midnight(day) - planned.departure
    return None


def _time(update: StopTimeUpdate) -> int:
    return moment(update.departure.time) or moment(update.arrival.time)
