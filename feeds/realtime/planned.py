"""The calls of the schedule, which enter boards as the window comes to them. Pure."""

from collections.abc import Container, Iterator
from datetime import date

from feeds.realtime.arrivals import describe_trip
from feeds.realtime.calls import Call, Headway, planned_call
from feeds.realtime.stand import Candidate, Interval, Stand
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.window import PAST
from feeds.timetable.entities import ScheduledCall, ScheduledHeadway, StopTime
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival


class Planned:
    """What of a timetable enters boards: the runs that realtime does not have.

    `begins`: by run key, when the run does, POSIX seconds.
    """

    def __init__(self, timetable: Timetable, runs: Container[str]) -> None:
        """`runs`: the keys of those that realtime has."""
        self.timetable = timetable
        self.begins: dict[str, int] = {}
        self._runs = runs
        self._keys: dict[tuple[str, date, int | None], str] = {}
        self._trips: dict[str, Arrival] = {}

    def enter(self, stand: Stand, now: int, end: int) -> None:
        """Ask the schedule for the calls that the window has come to, and drop those it left."""
        if not now - PAST <= stand.edge <= end:  # the first time, or the clock was set
            stand.edge, stand.anew = now - PAST, True
            over = [key for key, each in stand.calls.items() if each.planned]
        else:
            planned = (item for item in stand.calls.items() if item[1].planned)
            over = [key for key, each in planned if each.time < now - PAST]
        for key in over:
            del stand.calls[key]
        for platform in stand.platforms:
            for scheduled in self.timetable.calls(platform, stand.edge, end):
                self.enter_call(stand, scheduled)
        self._enter_intervals(stand, now, end)
        stand.edge = end

    def enter_call(self, stand: Stand, scheduled: ScheduledCall) -> None:
        """Put a call on a stand, unless realtime has its run."""
        run, trip = self._scheduled_trip(scheduled)
        if run not in self._runs:
            stop_time = self.timetable.stop_time(scheduled.trip, scheduled.position)
            key = f"{run}.{stop_time.stop_sequence}"
            stand.calls[key] = Candidate(scheduled.time, key, trip, scheduled)
            stand.touched.setdefault(key)

    def of(self, instance: TripInstance) -> Iterator[tuple[StopTime, ScheduledCall]]:
        """The calls that the schedule has of an instance; none of one that it does not have."""
        trip, day, start = instance.trip, instance.service_date, instance.start_time
        if trip is None or day is None or instance.added:
            return
        if trip.frequencies and (start is None or not trip.starts_at(start)):
            return
        zero, last = self.timetable.midnight(day) + instance.shift, trip.length - 1
        for place, row in enumerate(self.timetable.stop_times(trip)):
            time = zero + (row.arrival if place == last else row.departure)
            yield row, ScheduledCall(trip, day, start, place, instance.shift, time)

    def _enter_intervals(self, stand: Stand, now: int, end: int) -> None:
        stand.touched |= dict.fromkeys(stand.intervals)
        stand.intervals = {
            (candidate := self._headway_candidate(planned)).key: Interval(candidate, planned)
            for platform in stand.platforms
            for planned in self.timetable.headways(platform, now, end)
        }

    def _headway_candidate(self, planned: ScheduledHeadway) -> Candidate:
        trip, position, day = planned.trip, planned.position, planned.service_date
        scheduled = ScheduledCall(trip, day, None, position, 0, planned.start)
        run, told = self._scheduled_trip(scheduled)
        call = self.call(scheduled)._replace(
            scheduled_arrival=None,
            scheduled_departure=None,
            headway=Headway(planned.headway, planned.start, planned.end),
        )
        # No call has such a key: in that of a frequency trip's run there is its start time.
        candidate = Candidate(planned.start, f"{run}.{call.visit}~{planned.start}", told, call)
        candidate.until = planned.end
        return candidate

    def call(self, scheduled: ScheduledCall) -> Call:
        """The call as the schedule has it."""
        trip, position = scheduled.trip, scheduled.position
        return planned_call(
            self.timetable.stop_time(trip, position),
            self.timetable.midnight(scheduled.service_date) + scheduled.shift,
            first=position == 0,
            last=position == trip.length - 1,
        )

    def _scheduled_trip(self, scheduled: ScheduledCall) -> tuple[str, Arrival]:
        trip = scheduled.trip
        named = (trip.trip_id, scheduled.service_date, scheduled.start_time)
        key = self._keys.get(named)
        if key is None:
            instance = TripInstance.scheduled(trip, scheduled.service_date, scheduled.start_time)
            self._keys[named] = key = instance.key(self.timetable.feed_id)
            last = self.timetable.last_stop_time(trip).stop_id
            self._trips[key] = describe_trip(instance, last, self.timetable)
            midnight = self.timetable.midnight(scheduled.service_date) + scheduled.shift
            self.begins[key] = midnight + self.timetable.stop_time(trip, 0).departure
        return key, self._trips[key]
