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
from feeds.realtime.calls import Call, Headway, planned_call
from feeds.realtime.quiet import hold
from feeds.realtime.remarks import Remark, Remarks, settle_vehicles
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trip_updates import Run, Touched, TripUpdates
from feeds.realtime.window import PAST, edge
from feeds.timetable.entities import ScheduledCall, ScheduledHeadway
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Alert, Arrival, Board, RouteSummary, Told, effective_time
from schemas.merge_patch import diff

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

    __slots__ = (
        *("about", "call", "departed", "key", "remarked", "route_id", "time", "told", "trip"),
        "until",
    )

    def __init__(self, time: int, key: str, trip: Arrival, call: "Call | ScheduledCall") -> None:
        """`trip` is what all arrivals of its run have in common."""
        self.time = time
        self.key = key
        self.trip = trip
        self.route_id = trip.get("route_id", "")
        self.call = call
        headway = call.headway if isinstance(call, Call) else None
        self.until = headway.end if headway else time  # from when on it is past
        self.told: Told | None = None
        self.departed: Told | None = None
        self.remarked: tuple[tuple[Any, ...], Told] | None = None
        self.about: tuple[int, tuple[tuple[str, float], ...]] = (-1, ())


_in_order = attrgetter("time", "key")
_Entries = dict[str, list[_Entry]]
"""By run key."""


class _Stand:
    """What is known of one board beside the board itself."""

    __slots__ = ("edge", "headways", "live", "planned", "platforms")

    def __init__(self, platforms: tuple[str, ...]) -> None:
        self.platforms = platforms
        self.edge = 0  # up to where the schedule was asked for calls
        self.planned: _Entries = {}
        self.headways: list[tuple[_Entry, ScheduledHeadway]] = []
        self.live: _Entries = {}


class Boards:
    """The boards of one feed by GTFS stop_id: every stop of location_type 0 and 1."""

    def __init__(
        self,
        timetable: Timetable,
        remarks: Remarks,
        standing: Mapping[str, Board] | None = None,
        *,
        quiet: float = 0,
    ) -> None:
        """`standing`: the boards as published so far, which changes are told against.

        `quiet`: seconds by which a prediction may be wrong before it moves; 0: exact.
        """
        self.timetable = timetable
        self.remarks = remarks
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
        self._trips: dict[str, Arrival] = {}

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
        trip = describe_trip(run.instance, run.calls[-1].stop_id, self.timetable)
        for call in run.calls:
            moment = call.time
            if moment is None:
                continue
            key = f"{run.key}.{call.visit}"
            for board in self._boards_of[call.stop_id]:
                live = self._stands[board].live
                entry = _Entry(moment, key, trip, call)
                if run.ends is not None and run.ends < moment:
                    entry.until = run.ends
                if run.key in live:
                    live[run.key].append(entry)
                else:
                    live[run.key] = [entry]

    def touch_stops(self, stop_ids: Iterable[str]) -> None:
        """What is told beside the calls changed at these stops."""
        for stop_id in stop_ids:
            self._pending.update(self._boards_of[stop_id])

    def touch_all(self) -> None:
        """Anything may have changed."""
        self._pending.update(self._summaries)

    def pending(self, now: int) -> list[str]:
        """The stops to rebuild at `now`, by touch or by time; asked for once."""
        if edge(now) != self._edge:
            self._edge = edge(now)
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
        kept = self.remarks.kept(_kept(before["arrivals"], arrivals, now)) if before else {}
        if before and self.remarks.vehicles.progress:
            settle_vehicles(arrivals, before["arrivals"])
        again = (
            hold(arrivals, before["arrivals"], now, self.quiet) if before and self.quiet else None
        )
        alerts = self.remarks.alerts_at(stop_id, (arrivals | kept).values())
        after: Board = {
            "stop_id": f"{self.timetable.feed_id}:{stop_id}",
            "version": before["version"] if before else 0,
            "stop": self._summaries[stop_id],
            "routes": self._routes_of(stop_id, entries, kept, alerts),
            "arrivals": arrivals | kept,
            "alerts": alerts,
        }
        self._schedule_next(stop_id, entries, kept, now, again)
        patch = diff(before, after) if before else {}
        if before and not patch:
            return None
        self.boards[stop_id] = after
        return Change(stop_id, before, after, patch)

    def _told(self, entry: _Entry, stop_id: str, now: int) -> Told:
        told = entry.told
        if told is None:
            told = entry.told = self._tell(entry, stop_id)
        remark = self._remark(entry, told, stop_id, now)
        if remark is None and entry.until >= now:
            return told
        # The vehicle knows better than the clock whether it has left.
        left = remark.passed if remark and remark.away is not None else entry.until < now
        if left and told["status"] not in ("canceled", "skipped"):
            if entry.departed is None:
                entry.departed = Told({**told, "status": "departed"})
            told = entry.departed
        return self._remarked(entry, told, remark) if remark else told

    def _remark(self, entry: _Entry, told: Told, stop_id: str, now: int) -> Remark | None:
        alerts = self.remarks.alerts
        if entry.about[0] != alerts.edition:
            entry.about = alerts.edition, alerts.about(told, told.get("stop_id", stop_id))
        begun: tuple[str, ...] = ()
        if entry.about[1]:  # until an alert begins it concerns only what comes after
            until = max(entry.until, now)
            begun = tuple(alert_id for alert_id, begin in entry.about[1] if begin <= until)
        elif not self.remarks.vehicles.progress:
            return None
        return self.remarks.about(entry.key, now, begun)

    def _remarked(self, entry: _Entry, told: Told, remark: Remark) -> Told:
        if remark.sighting is None and not remark.alerts:
            return told
        signature = (told["status"], *remark.signature)
        if entry.remarked is None or entry.remarked[0] != signature:
            entry.remarked = signature, remark.describe(told)
        return entry.remarked[1]

    def _tell(self, entry: _Entry, stop_id: str) -> Told:
        call = entry.call if isinstance(entry.call, Call) else self._planned(entry.call)
        return Told(describe_call(entry.trip, call, stop_id, self.timetable))

    def _routes_of(
        self,
        stop_id: str,
        entries: Iterable[_Entry],
        kept: Mapping[str, Arrival],
        alerts: Mapping[str, Alert],
    ) -> dict[str, RouteSummary]:
        used = self.remarks.routes_at(stop_id, alerts.values()) if alerts else set()
        used.update(entry.route_id for entry in entries)
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
        moments = [e.until + 1 if e.until >= now else e.time + PAST + 1 for e in entries]
        moments += [(effective_time(told) or now) + PAST + 1 for told in kept.values()]
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
        if stand.headways:
            entries += self._headways(stand, updates, now)
        entries.sort(key=_in_order)
        return entries[:MOST]

    def _headways(self, stand: _Stand, updates: TripUpdates, now: int) -> list[_Entry]:
        """The intervals of which realtime has not made calls: none of the trip is to come here."""
        to_come = {
            (run.instance.trip_id, run.instance.service_date, call.stop_id)
            for key in stand.live
            if (run := updates.runs.get(key))
            for call in run.calls
            if call.time is not None and now <= call.time < self._edge
        }
        return [
            entry
            for entry, planned in stand.headways
            if planned.end >= now
            and (planned.trip.trip_id, planned.service_date, planned.stop_id) not in to_come
            and not self._is_replaced(entry)
        ]

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
                entry = _Entry(scheduled.time, f"{run}.{sequence}", trip, scheduled)
                stand.planned.setdefault(run, []).append(entry)
        stand.headways = [
            (self._headway_entry(planned), planned)
            for platform in stand.platforms
            for planned in self.timetable.headways(platform, now, self._edge)
        ]
        stand.edge = self._edge

    def _headway_entry(self, planned: ScheduledHeadway) -> _Entry:
        trip, index, day = planned.trip, planned.index, planned.service_date
        scheduled = ScheduledCall(trip, day, None, index, 0, planned.start)
        run, told = self._scheduled_trip(scheduled)
        call = self._planned(scheduled)._replace(
            scheduled_arrival=None,
            scheduled_departure=None,
            headway=Headway(planned.headway, planned.start, planned.end),
        )
        # No call has such a key: in that of a frequency trip's run there is its start time.
        return _Entry(planned.start, f"{run}.{call.visit}~{planned.start}", told, call)

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
            self._trips[key] = describe_trip(instance, last, self.timetable)
        return key, self._trips[key]


def _kept(
    before: Mapping[str, Arrival], arrivals: Mapping[str, Arrival], now: int
) -> dict[str, Arrival]:
    """Calls seen departed stay so, unless they are predicted again or called off (rule 28)."""
    kept = {}
    for key, told in before.items():
        if told["status"] == "departed" and (effective_time(told) or 0) >= now - PAST:
            said = arrivals.get(key)
            seen = said is not None and "stops_away" in said
            if said is None or (said["status"] in ("scheduled", "no_data") and not seen):
                kept[key] = told
    return kept
