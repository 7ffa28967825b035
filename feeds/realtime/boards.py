"""Boards: what each stop of a feed shows now, and what changed since it was last made.

Pure: the board clock (`now`, POSIX seconds) is an argument. A poll touches some runs, and these some
stops. A touched board is put together anew from the calls that are known there; only the calls of
touched runs are made anew, any other arrival is the very object that stood before, so that to
compare two boards is to compare a few.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from feeds.realtime.arrivals import describe_route, describe_stop
from feeds.realtime.entries import Entries, Entry
from feeds.realtime.quiet import hold
from feeds.realtime.remarks import Remark, Remarks, settle_vehicles
from feeds.realtime.trip_updates import Touched, TripUpdates
from feeds.realtime.window import PAST, edge
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Alert, Arrival, Board, RouteSummary, Told, effective_time
from schemas.merge_patch import diff

MOST = 100  # arrivals on a board


class Change(NamedTuple):
    """A board that is not what it was. `after` still has the version of `before`, or 0."""

    stop_id: str
    before: Board | None
    after: Board
    patch: dict[str, Any]


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
        self._boards_of = {
            stop_id: tuple(self._with_station(stop_id)) for stop_id in timetable.stops
        }
        self.entries = Entries(timetable, self._boards_of)
        self.boards: dict[str, Board] = dict(standing or {})
        self._pending: set[str] = set(self._summaries)
        self._edge = 0
        self._due: list[tuple[int, str]] = []
        self._due_at: dict[str, int] = {}

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
        self._pending |= self.entries.touch(touched, updates)

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
        before = self.boards.get(stop_id)
        entries = self.entries.standing(stop_id, updates, now, self._edge)[:MOST]
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

    def _told(self, entry: Entry, stop_id: str, now: int) -> Told:
        told = entry.told
        if told is None:
            told = entry.told = self.entries.tell(entry, stop_id)
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

    def _remark(self, entry: Entry, told: Told, stop_id: str, now: int) -> Remark | None:
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

    def _remarked(self, entry: Entry, told: Told, remark: Remark) -> Told:
        if remark.sighting is None and not remark.alerts:
            return told
        signature = (told["status"], *remark.signature)
        if entry.remarked is None or entry.remarked[0] != signature:
            entry.remarked = signature, remark.describe(told)
        return entry.remarked[1]

    def _routes_of(
        self,
        stop_id: str,
        entries: Iterable[Entry],
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
        entries: Iterable[Entry],
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
