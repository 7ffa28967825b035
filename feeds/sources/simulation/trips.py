"""Simulated trips: what becomes of each trip instance, from first to last stop."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import NamedTuple

from feeds.sources.simulation.chance import Chance
from feeds.sources.simulation.lateness import Lateness, delay_behind
from feeds.timetable.entities import StopTime, Trip
from feeds.timetable.timetable import Timetable

CANCELED = 0.02  # share of trips
SKIPPING = 0.04  # share of trips that skip a stop


class PlannedTrip(NamedTuple):
    """A trip instance by its schedule; `start` and `end` are POSIX seconds.

    The times of its stop_times count from `midnight` plus `shift`, which only runs of frequency
    trips have. `leader` is the instance before it on the same way, `headway` the seconds between.
    """

    start: int
    end: int
    midnight: int
    shift: int
    service_date: date
    trip: Trip
    leader: str
    headway: int

    @property
    def instance(self) -> str:
        return f"{self.trip.trip_id}@{self.start}"


@dataclass(frozen=True, slots=True)
class SimulatedTrip:
    """A trip instance and its fate.

    `scheduled` and `actual` are its events in order, arrival and departure of each stop in turn:
    events 2i and 2i + 1 are those of `calls[i]`. Neither ever decreases.
    """

    plan: PlannedTrip
    calls: tuple[StopTime, ...]
    scheduled: list[int]
    actual: list[int]
    canceled: bool
    skipped: int | None  # position in calls
    chance: Chance

    def delay(self, time: float) -> tuple[float, float]:
        """The delay that a vehicle has at a time, and its place as a scheduled time."""
        done = bisect_right(self.actual, time)
        if done == 0:
            late = self.actual[0] - self.scheduled[0]
            return late, time - late
        if done == len(self.actual):
            return self.actual[-1] - self.scheduled[-1], self.scheduled[-1]
        part = (time - self.actual[done - 1]) / (self.actual[done] - self.actual[done - 1])
        begin, end = self.scheduled[done - 1], self.scheduled[done]
        place = begin + part * (end - begin)
        return time - place, place

    def place(self, time: float) -> tuple[int, float]:
        """Where a vehicle is: at or on its way to `calls[index]`, and the part of the way it made.

        A part of 1 means that it stands there.
        """
        done = bisect_right(self.actual, time)
        index = min(done // 2, len(self.calls) - 1)
        if done == 0 or done % 2 or done == len(self.actual):
            return index, 1.0
        begin, end = self.actual[done - 1], self.actual[done]
        return index, (time - begin) / (end - begin)


def simulate(plan: PlannedTrip, calls: tuple[StopTime, ...], city: Chance) -> SimulatedTrip:
    chance = city.about(plan.instance)
    own = Lateness.of(chance, plan.end - plan.start)
    leader = Lateness.of(city.about(plan.leader), plan.end - plan.start)
    zero = plan.midnight + plan.shift
    scheduled = [zero + time for call in calls for time in (call.arrival, call.departure)]
    scheduled = list(accumulate(scheduled, max))
    late = (
        time + delay_behind(own.at(elapsed), leader.at(elapsed), plan.headway)
        for time in scheduled
        for elapsed in [time - plan.start]
    )
    skips = len(calls) > 2 and chance.happens("skips", SKIPPING)  # noqa: PLR2004  # first and last stay
    return SimulatedTrip(
        plan=plan,
        calls=calls,
        scheduled=scheduled,
        actual=list(accumulate((int(time) for time in late), max)),
        canceled=chance.happens("canceled", CANCELED),
        skipped=int(chance.between("skipped", 1, len(calls) - 1)) if skips else None,
        chance=chance,
    )


def planned_trips(timetable: Timetable) -> list[PlannedTrip]:
    """All trip instances of the timetable's days by start, each with the one that leads it.

    Runs of frequency trips are there where they have exact times.
    """
    starts = sorted(unlinked(timetable), key=lambda plan: (plan.start, plan.trip.trip_id))
    leaders: dict[tuple[object, ...], PlannedTrip] = {}
    linked = []
    for plan in starts:
        way = (plan.trip.route_id, plan.trip.direction_id, plan.leader)
        leader = leaders.get(way)
        leaders[way] = plan
        if leader is None:
            linked.append(plan._replace(leader="", headway=86_400))
        else:
            headway = plan.start - leader.start
            linked.append(plan._replace(leader=leader.instance, headway=headway))
    return linked


def unlinked(timetable: Timetable) -> Iterator[PlannedTrip]:
    """Trip instances with their first stop's id in place of the leader."""
    for trip in timetable.trips.values():
        days = [day for day in timetable.dates if timetable.runs(trip, day)]
        first = timetable.stop_time(trip, 0)
        last = timetable.last_stop_time(trip)
        for day in days:
            midnight = timetable.midnight(day)
            for shift in shifts(trip, first.departure):
                zero = midnight + shift
                start, end = zero + first.departure, zero + last.arrival
                yield PlannedTrip(start, end, midnight, shift, day, trip, first.stop_id, 0)


def shifts(trip: Trip, first_departure: int) -> Iterator[int]:
    """Seconds to add to the stop_times: none, or one for each run of a frequency trip."""
    if not trip.frequencies:
        yield 0
    for frequency in trip.frequencies:
        if frequency.exact:
            for start in range(frequency.start, frequency.end, frequency.headway):
                yield start - first_departure
