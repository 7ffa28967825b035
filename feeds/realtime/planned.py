"""The calls of the schedule, which enter boards as the window comes to them. Pure."""

from collections.abc import Container, Iterator
from datetime import date
from typing import NamedTuple

from feeds.realtime.arrivals import describe_trip
from feeds.realtime.calls import Call, Headway, planned_call
from feeds.realtime.stand import Candidate, Interval, Stand
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.window import PAST
from feeds.timetable.entities import ScheduledCall, ScheduledHeadway, StopTime, Trip
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival

_ENDLESS = float("inf")


class PlannedRun(NamedTuple):
    """A run of the schedule; its `key` begins those of its arrivals, `told` is what all of them say.

    `zero`: what its times count from; `begins`: when it first departs (POSIX seconds).
    """

    key: str
    told: Arrival
    trip: Trip
    zero: int
    begins: int


class Planned:
    """What of a timetable enters boards: the runs that realtime does not have.

    `runs`: those that ever entered, by key.
    """

    def __init__(self, timetable: Timetable, live: Container[str]) -> None:
        """`live`: the keys of the runs that realtime has."""
        self.timetable = timetable
        self.runs: dict[str, PlannedRun] = {}
        self._live = live
        self._by_start: dict[tuple[str, date, int | None], PlannedRun] = {}

    def enter(self, stand: Stand, now: int, end: int) -> None:
        """Ask the schedule for the calls that the window has come to, and drop those it left."""
        over: float = now - PAST
        if not over <= stand.edge <= end:  # the first time, or the clock was set
            stand.edge, stand.anew, over = now - PAST, True, _ENDLESS
        for key in [k for k, each in stand.calls.items() if each.time < over and each.planned]:
            del stand.calls[key]
        for platform in stand.platforms:
            for scheduled in self.timetable.calls(platform, stand.edge, end):
                self.enter_call(stand, scheduled)
        self._enter_intervals(stand, now, end)
        stand.edge = end

    def enter_call(self, stand: Stand, scheduled: ScheduledCall) -> None:
        """Put a call on a stand, unless realtime has its run."""
        run = self._run(scheduled)
        if run.key not in self._live:
            stop_time = self.timetable.stop_time(scheduled.trip, scheduled.position)
            key, time = f"{run.key}.{stop_time.stop_sequence}", scheduled.time
            stand.calls[key] = Candidate(key, time, time, run.told, scheduled.position)
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
        run = self._run(ScheduledCall(trip, day, None, position, 0, planned.start))
        call = self.call(run, position)._replace(
            scheduled_arrival=None,
            scheduled_departure=None,
            headway=Headway(planned.headway, planned.start, planned.end),
        )
        # No call has such a key: in that of a frequency trip's run there is its start time.
        key = f"{run.key}.{call.visit}~{planned.start}"
        return Candidate(key, planned.start, planned.end, run.told, call)

    def call(self, run: PlannedRun, position: int) -> Call:
        """The call of a run as the schedule has it."""
        return planned_call(
            self.timetable.stop_time(run.trip, position),
            run.zero,
            first=position == 0,
            last=position == run.trip.length - 1,
        )

    def _run(self, scheduled: ScheduledCall) -> PlannedRun:
        trip, day, start = scheduled.trip, scheduled.service_date, scheduled.start_time
        run = self._by_start.get((trip.trip_id, day, start))
        if run is None:
            instance = TripInstance.scheduled(trip, day, start)
            key = instance.key(self.timetable.feed_id)
            last = self.timetable.last_stop_time(trip).stop_id
            told = describe_trip(instance, last, self.timetable)
            zero = self.timetable.midnight(day) + scheduled.shift
            begins = zero + self.timetable.stop_time(trip, 0).departure
            run = PlannedRun(key, told, trip, zero, begins)
            self.runs[key] = self._by_start[trip.trip_id, day, start] = run
        return run
