"""Boards: what each stop of a feed shows now, and what changed since it was last made.

Pure: the board clock (`now`, POSIX seconds) is an argument. A poll touches some runs, and these some
stops. A touched board is put together anew from the calls that are known there; only the calls of
touched runs are made anew, any other arrival is the very object that stood before, so that to
compare two boards is to compare a few.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from feeds.realtime.arrivals import describe_call, describe_route, describe_stop, describe_trip
from feeds.realtime.predictions import Call, planned_call
from feeds.realtime.quiet import hold
from feeds.realtime.trip_updates import Run, Touched, TripUpdates
from feeds.realtime.trips import TripInstance
from feeds.timetable.entities import ScheduledCall
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival, Board, RouteSummary, Told, effective_time
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


class _Entry:
    """A call that may stand on one board; what is told of it is made when it first does."""

    __slots__ = ("call", "departed", "key", "route_id", "time", "told")

    def __init__(self, time: int, key: str, route_id: str, call: "Call | ScheduledCall") -> None:
        self.time = time
        self.key = key
        self.route_id = route_id
        self.call = call
        self.told: Told | None = None
        self.departed: Told | None = None


_in_order = attrgetter("time", "key")
_Entries = dict[str, list[_Entry]]
"""By run key."""


class _Stand:
    """What is known of one board beside the board itself."""

    __slots__ = ("edge", "live", "planned", "platforms")

    def __init__(self, platforms: tuple[str, ...]) -> None:
        self.platforms = platforms
        self.edge = 0  # up to where the schedule was asked for calls
        self.planned: _Entries = {}
        self.live: _Entries = {}


class Boards:
    """The boards of one feed by GTFS stop_id: every stop of location_type 0 and 1."""

    def __init__(
        self,
        timetable: Timetable,
        standing: Mapping[str, Board] | None = None,
        *,
        quiet: float = 0,
    ) -> None:
        """`standing`: the boards as published so far, which changes are told against.

        `quiet`: seconds by which a prediction may be wrong before it moves; 0: exact.
        """
        self.timetable = timetable
        self.quiet = quiet
        self._summaries = {
            stop.stop_id: describe_stop(stop, timetable)
            for stop in timetable.stops.values()
            if stop.location_type <= 1
        }
        self._routes: dict[str, RouteSummary] = {
            f"{timetable.feed_id}:{route.route_id}": describe_route(route)
            for route in timetable.routes.values()
        }
        self._stands = {
            stop_id: _Stand((stop_id, *timetable.children(stop_id))) for stop_id in self._summaries
        }
        self._boards_of = {
            stop_id: tuple(self._with_station(stop_id)) for stop_id in timetable.stops
        }
        self.boards: dict[str, Board] = dict(standing or {})
        self.replaced: Periods = {}
        self._pending: set[str] = set(self._summaries)
        self._edge = 0
        self._due: list[tuple[int, str]] = []
        self._due_at: dict[str, int] = {}
        self._keys: dict[tuple[str, Any, int | None], str] = {}
        self._trips: dict[str, tuple[str, Arrival]] = {}

    def _with_station(self, stop_id: str) -> Iterator[str]:
        for board in (stop_id, self.timetable.stops[stop_id].parent_station):
            if board in self._summaries:
                yield board

    @property
    def stop_ids(self) -> Collection[str]:
        """The stops that have a board."""
        return self._summaries.keys()

    # -- what is to be made anew -----------------------------------------------------------------

    def touch(self, touched: Touched, updates: TripUpdates) -> None:
        """Realtime changed these runs: take their calls as they are now."""
        for key, stop_ids in touched.items():
            for stop_id in stop_ids:
                for board in self._boards_of[stop_id]:
                    self._stands[board].live.pop(key, None)
                    self._pending.add(board)
            if run := updates.runs.get(key):
                self._enter(run)

    def _enter(self, run: Run) -> None:
        if not run.calls:
            return
        route_id = self._trip(run.key, run.instance, run.calls[-1].stop_id).get("route_id", "")
        for call in run.calls:
            moment = call.time
            if moment is None:
                continue
            key = f"{run.key}.{call.visit}"
            for board in self._boards_of[call.stop_id]:
                live = self._stands[board].live
                entry = _Entry(moment, key, route_id, call)
                if run.key in live:
                    live[run.key].append(entry)
                else:
                    live[run.key] = [entry]

    def touch_all(self) -> None:
        """Anything may have changed."""
        self._pending.update(self._summaries)

    def pending(self, now: int) -> list[str]:
        """The stops to rebuild at `now`, by touch or by time; asked for once."""
        if _edge(now) != self._edge:
            self._edge = _edge(now)
            self.touch_all()
        while self._due and self._due[0][0] <= now:
            moment, stop_id = heapq.heappop(self._due)
            if self._due_at.get(stop_id) == moment:
                self._pending.add(stop_id)
        stops, self._pending = sorted(self._pending), set()
        return stops

    def rebuild(self, stop_ids: Iterable[str], updates: TripUpdates, now: int) -> list[Change]:
        """Make these stops' boards as of `now`; those that changed."""
        changes = (self._rebuild(stop_id, updates, now) for stop_id in stop_ids)
        return [change for change in changes if change is not None]

    # -- one board -------------------------------------------------------------------------------

    def _rebuild(self, stop_id: str, updates: TripUpdates, now: int) -> Change | None:
        stand, before = self._stands[stop_id], self.boards.get(stop_id)
        self._plan(stand, now)
        entries = self._standing(stand, updates, now)
        arrivals: dict[str, Any] = {e.key: self._told(e, stop_id, now) for e in entries}
        kept = _kept(before["arrivals"], arrivals, now) if before else {}
        again = (
            hold(arrivals, before["arrivals"], now, self.quiet) if before and self.quiet else None
        )
        after: Board = {
            "stop_id": f"{self.timetable.feed_id}:{stop_id}",
            "version": before["version"] if before else 0,
            "stop": self._summaries[stop_id],
            "routes": self._routes_of(entries, kept),
            "arrivals": arrivals | kept,
            "alerts": {},
        }
        self._schedule_next(stop_id, entries, kept, now, again)
        patch = diff(before, after) if before else {}
        if before and not patch:
            return None
        self.boards[stop_id] = after
        return Change(stop_id, before, after, patch)

    def _told(self, entry: _Entry, stop_id: str, now: int) -> Told:
        if entry.told is None:
            entry.told = self._tell(entry, stop_id)
        if entry.time >= now or entry.told["status"] in ("canceled", "skipped"):
            return entry.told
        if entry.departed is None:
            entry.departed = Told({**entry.told, "status": "departed"})
        return entry.departed

    def _tell(self, entry: _Entry, stop_id: str) -> Told:
        call = entry.call if isinstance(entry.call, Call) else self._planned(entry.call)
        run, _, _ = entry.key.partition(".")
        return Told(describe_call(self._trips[run][1], call, stop_id, self.timetable))

    def _routes_of(
        self, entries: Iterable[_Entry], kept: Mapping[str, Arrival]
    ) -> dict[str, RouteSummary]:
        used = {entry.route_id for entry in entries}
        used.update(told.get("route_id", "") for told in kept.values())
        return {route_id: self._routes[route_id] for route_id in sorted(used & self._routes.keys())}

    def _schedule_next(
        self,
        stop_id: str,
        entries: Iterable[_Entry],
        kept: Mapping[str, Arrival],
        now: int,
        again: int | None,
    ) -> None:
        times = [entry.time for entry in entries]
        times += [effective_time(told) or now for told in kept.values()]
        moments = [t + 1 if t >= now else t + PAST + 1 for t in times]
        moments += [again] if again is not None else []
        moment = min(moments, default=None)
        if moment is None:
            self._due_at.pop(stop_id, None)
        elif self._due_at.get(stop_id) != moment:
            self._due_at[stop_id] = moment
            heapq.heappush(self._due, (moment, stop_id))

    # -- the calls at a stop ---------------------------------------------------------------------

    def _standing(self, stand: _Stand, updates: TripUpdates, now: int) -> list[_Entry]:
        begin, end, runs = now - PAST, self._edge, updates.runs
        entries = [
            entry
            for run, planned in stand.planned.items()
            if run not in runs
            for entry in planned
            if entry.time >= begin and not self._is_replaced(entry)
        ]
        entries += [
            entry for live in stand.live.values() for entry in live if begin <= entry.time < end
        ]
        entries.sort(key=_in_order)
        return entries[:MOST]

    def _is_replaced(self, entry: _Entry) -> bool:
        if not self.replaced:
            return False
        begin, end = self.replaced.get(entry.route_id.partition(":")[2], (0, 0))
        return begin <= entry.time < end

    def _plan(self, stand: _Stand, now: int) -> None:
        """Ask the schedule for the calls that the window has come to, and drop those it left."""
        if stand.edge == self._edge:
            return
        if not now - PAST <= stand.edge <= self._edge:  # the first time, or the clock was set
            stand.edge, stand.planned = now - PAST, {}
        for run, entries in list(stand.planned.items()):
            if entries[-1].time < now - PAST:
                del stand.planned[run]
        for platform in stand.platforms:
            for scheduled in self.timetable.calls(platform, stand.edge, self._edge):
                run, trip = self._scheduled_trip(scheduled)
                sequence = self.timetable.stop_time(scheduled.trip, scheduled.index).stop_sequence
                entry = _Entry(
                    scheduled.time, f"{run}.{sequence}", trip.get("route_id", ""), scheduled
                )
                stand.planned.setdefault(run, []).append(entry)
        stand.edge = self._edge

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


def _kept(
    before: Mapping[str, Arrival], arrivals: Mapping[str, Arrival], now: int
) -> dict[str, Arrival]:
    """Calls seen departed stay so, unless they are predicted again or called off (rule 28)."""
    kept = {}
    for key, told in before.items():
        if told["status"] == "departed" and (effective_time(told) or 0) >= now - PAST:
            said = arrivals.get(key)
            if said is None or said["status"] in ("scheduled", "no_data"):
                kept[key] = told
    return kept
