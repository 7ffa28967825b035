"""Boards: what each stop of a feed shows now, and what changed since it was last made.

Pure: the board clock (`now`, POSIX seconds) is an argument. Only stops that realtime touched, or
where time itself changes something, are made anew, and of those only the arrivals that differ.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from feeds.realtime.arrivals import describe_call, describe_route, describe_stop, describe_trip
from feeds.realtime.predictions import Call, planned_call
from feeds.realtime.trip_updates import Run, TripUpdates
from feeds.realtime.trips import TripInstance
from feeds.timetable.entities import ScheduledCall
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival, Board, RouteSummary, effective_time
from schemas.merge_patch import diff

PAST = 120  # seconds that a departed call stays
AHEAD = 7200  # seconds that a board looks ahead …
STEP = 300  # … its far edge moving in steps, so that calls enter together
MOST = 100  # arrivals on a board

Periods = Mapping[str, tuple[float, float]]
"""By route_id: from when until when realtime alone tells what runs (feeds/realtime/nyct.py)."""


class Change(NamedTuple):
    """A board that is not what it was. `after` still has the version of `before`, or 0."""

    stop_id: str
    before: Board | None
    after: Board
    patch: dict[str, Any]


class _Entry(NamedTuple):
    """A call that may stand on a board."""

    time: int
    key: str
    run: str
    call: Call
    trip: Arrival


class Boards:
    """The boards of one feed by GTFS stop_id: every stop of location_type 0 and 1."""

    def __init__(self, timetable: Timetable, standing: Mapping[str, Board] | None = None) -> None:
        """`standing`: the boards as published so far, which changes are told against."""
        self.timetable = timetable
        self._stops = {
            stop.stop_id: describe_stop(stop, timetable)
            for stop in timetable.stops.values()
            if stop.location_type <= 1
        }
        self.boards: dict[str, Board] = dict(standing or {})
        self.replaced: Periods = {}
        self._edge = 0
        self._due: list[tuple[int, str]] = []
        self._due_at: dict[str, int] = {}
        self._scheduled: dict[str, list[_Entry]] = {}
        self._made: dict[str, dict[str, tuple[_Entry, Arrival]]] = {}
        self._keys: dict[tuple[str, Any, int | None], str] = {}
        self._trips: dict[str, tuple[str, Arrival]] = {}
        self._routes: dict[str, RouteSummary] = {
            f"{timetable.feed_id}:{route.route_id}": describe_route(route)
            for route in timetable.routes.values()
        }

    @property
    def stop_ids(self) -> Collection[str]:
        """The stops that have a board."""
        return self._stops.keys()

    def touched(self, stop_ids: Iterable[str]) -> set[str]:
        """These stops and their stations."""
        stops = self.timetable.stops
        found = set(stop_ids)
        parents = (stops[stop_id].parent_station for stop_id in found)
        return (found | {parent for parent in parents if parent}) & self._stops.keys()

    def due(self, now: int) -> set[str]:
        """The stops that time changes at `now` at the latest: all of them when the edge moves."""
        if _edge(now) != self._edge:
            return set(self._stops)
        stops = set()
        while self._due and self._due[0][0] <= now:
            moment, stop_id = heapq.heappop(self._due)
            if self._due_at.get(stop_id) == moment:
                stops.add(stop_id)
        return stops

    def rebuild(self, stop_ids: Iterable[str], updates: TripUpdates, now: int) -> list[Change]:
        """Make these stops' boards as of `now`; those that changed."""
        if _edge(now) != self._edge:
            self._edge = _edge(now)
            self._scheduled.clear()
        changes = (self._rebuild(stop_id, updates, now) for stop_id in stop_ids)
        return [change for change in changes if change is not None]

    # -- one board -------------------------------------------------------------------------------

    def _rebuild(self, stop_id: str, updates: TripUpdates, now: int) -> Change | None:
        before = self.boards.get(stop_id)
        entries = sorted(self._entries(stop_id, updates, now))[:MOST]
        arrivals = self._arrivals(stop_id, entries, before["arrivals"] if before else {}, now)
        after: Board = {
            "stop_id": f"{self.timetable.feed_id}:{stop_id}",
            "version": before["version"] if before else 0,
            "stop": self._stops[stop_id],
            "routes": {
                route_id: self._routes[route_id]
                for route_id in sorted({a.get("route_id", "") for a in arrivals.values()})
                if route_id in self._routes
            },
            "arrivals": arrivals,
            "alerts": {},
        }
        self._schedule_next(stop_id, arrivals, now)
        patch = diff(before, after) if before else {}
        if before and not patch:
            return None
        self.boards[stop_id] = after
        return Change(stop_id, before, after, patch)

    def _arrivals(
        self, stop_id: str, entries: list[_Entry], before: Mapping[str, Arrival], now: int
    ) -> dict[str, Arrival]:
        made = self._made.get(stop_id, {})
        self._made[stop_id] = fresh = {}
        arrivals = {}
        for entry in entries:
            known = made.get(entry.key)
            told = known[1] if known and known[0] == entry else self._tell(entry, stop_id)
            fresh[entry.key] = (entry, told)
            arrivals[entry.key] = _at(now, entry.time, told, before.get(entry.key))
        for key, told in before.items():
            if _still_departed(told, arrivals.get(key), now):
                arrivals[key] = told
        return arrivals

    def _tell(self, entry: _Entry, stop_id: str) -> Arrival:
        return describe_call(entry.trip, entry.call, stop_id, self.timetable)

    def _schedule_next(self, stop_id: str, arrivals: Mapping[str, Arrival], now: int) -> None:
        moments = (
            moment + (PAST if moment < now else 0) + 1
            for moment in map(effective_time, arrivals.values())
            if moment is not None
        )
        moment = min(moments, default=None)
        if moment is None:
            self._due_at.pop(stop_id, None)
        elif self._due_at.get(stop_id) != moment:
            self._due_at[stop_id] = moment
            heapq.heappush(self._due, (moment, stop_id))

    # -- the calls at a stop ---------------------------------------------------------------------

    def _entries(self, stop_id: str, updates: TripUpdates, now: int) -> Iterator[_Entry]:
        for platform in (stop_id, *self.timetable.children(stop_id)):
            if platform not in self._scheduled:
                self._scheduled[platform] = list(self._scheduled_entries(platform, now))
            for entry in self._scheduled[platform]:
                stands = entry.time >= now - PAST and entry.run not in updates.runs
                if stands and not self._is_replaced(entry):
                    yield entry
            for run in updates.by_stop.get(platform, {}).values():
                yield from self._run_entries(run, platform, now)

    def _scheduled_entries(self, platform: str, now: int) -> Iterator[_Entry]:
        for scheduled in self.timetable.calls(platform, now - PAST, self._edge):
            instance_key, trip = self._scheduled_trip(scheduled)
            call = self._planned(scheduled)
            yield _Entry(scheduled.time, f"{instance_key}.{call.visit}", instance_key, call, trip)

    def _run_entries(self, run: Run, platform: str, now: int) -> Iterator[_Entry]:
        for call in run.calls:
            moment = call.time
            if call.stop_id != platform or moment is None:
                continue
            if now - PAST <= moment < self._edge:
                trip = self._trip(run.key, run.instance, run.calls[-1].stop_id)
                yield _Entry(moment, f"{run.key}.{call.visit}", run.key, call, trip)

    def _is_replaced(self, entry: _Entry) -> bool:
        route_id = entry.trip.get("route_id", "").partition(":")[2]
        begin, end = self.replaced.get(route_id, (0, 0))
        return begin <= entry.time < end

    def _planned(self, scheduled: ScheduledCall) -> Call:
        trip, index = scheduled.trip, scheduled.index
        return planned_call(
            self.timetable.stop_time(trip, index),
            self.timetable.midnight(scheduled.service_date) + scheduled.shift,
            first=index == 0,
            last=index == trip.last - trip.first - 1,
        )

    def _scheduled_trip(self, scheduled: ScheduledCall) -> tuple[str, Arrival]:
        trip = scheduled.trip
        named = (trip.trip_id, scheduled.service_date, scheduled.start_time)
        key = self._keys.get(named)
        if key is None:
            instance = TripInstance.scheduled(trip, scheduled.service_date, scheduled.start_time)
            self._keys[named] = key = instance.key(self.timetable.feed_id)
            last = self.timetable.stop_time(trip, trip.last - trip.first - 1).stop_id
            return key, self._trip(key, instance, last)
        return key, self._trips[key][1]

    def _trip(self, key: str, instance: TripInstance, last_stop_id: str) -> Arrival:
        known = self._trips.get(key)
        if known is None or known[0] != last_stop_id:
            told = describe_trip(instance, last_stop_id, self.timetable)
            self._trips[key] = known = (last_stop_id, told)
        return known[1]


def _edge(now: int) -> int:
    return now // STEP * STEP + AHEAD


def _at(now: int, moment: int, told: Arrival, before: Arrival | None) -> Arrival:
    """The arrival as of `now`; the very object that stood before, where it says the same."""
    if moment < now and told["status"] not in ("canceled", "skipped"):
        told = {**told, "status": "departed"}
    return before if before is not None and before == told else told


def _still_departed(told: Arrival, now_told: Arrival | None, now: int) -> bool:
    """A call seen departed stays so, unless it is predicted again or called off (rule 28)."""
    if told["status"] != "departed":
        return False
    moment = effective_time(told)
    if moment is None or moment < now - PAST:
        return False
    return now_told is None or now_told["status"] in ("scheduled", "no_data")
