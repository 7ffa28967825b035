"""Boards: what each stop of a feed shows now, and what changed since it was last made.

Pure: the board clock (`now`, POSIX seconds) is an argument. A poll touches some runs, and these some
calls. Only those are looked at, and those that time changes: what a board costs follows what changed
on it, not its size (docs/decisions/0014-what-a-poll-costs.md).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import ceil
from typing import Any, NamedTuple

from feeds.realtime.arrivals import describe_route, describe_stop
from feeds.realtime.candidates import Candidates, Periods
from feeds.realtime.quiet import hold
from feeds.realtime.remarks import Remark, Remarks, settled
from feeds.realtime.stand import Candidate, Stand
from feeds.realtime.trip_updates import Run, Touched
from feeds.realtime.vehicles import Met
from feeds.realtime.window import PAST
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Alert, Arrival, Board, RouteSummary, effective_time
from schemas.merge_patch import diff

_SAID = frozenset({"arrival", "departure", "stops_away"})  # what realtime says of a call to come


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
        runs: Mapping[str, Run],
        remarks: Remarks,
        *,
        quiet: float = 0,
    ) -> None:
        """`runs`: those that realtime has, by key.

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
        self.candidates = Candidates(timetable, runs, self._boards_of)
        self.boards: dict[str, Board] = {}
        self._pending: set[str] = set(self._summaries)
        self._now = 0

    def _with_station(self, stop_id: str) -> Iterator[str]:
        for board in (stop_id, self.timetable.stops[stop_id].parent_station):
            if board in self._summaries:
                yield board

    @property
    def stop_ids(self) -> Collection[str]:
        """The stops that have a board."""
        return self._summaries.keys()

    # -- what is to be looked at -----------------------------------------------------------------

    def touch(self, touched: Touched) -> None:
        """Realtime changed these runs: take their calls as they are now."""
        self._pending |= self.candidates.touch(touched)

    def touch_vehicles(self, met: Met) -> None:
        """The vehicles of these runs changed something at these visits."""
        self._pending |= self.candidates.touch_vehicles(met)

    def touch_stops(self, stop_ids: Iterable[str]) -> None:
        """Anything may have changed at these stops: their alerts."""
        boards = {board for stop_id in stop_ids for board in self._boards_of[stop_id]}
        self.candidates.touch_all(boards)
        self._pending |= boards

    def adopt(self, standing: Mapping[str, Board]) -> None:
        """Tell all changes against these boards from now on."""
        self.boards = dict(standing)
        self.touch_stops(self._summaries)

    def replace(self, replaced: Periods) -> None:
        """Only realtime tells of these routes in these periods."""
        self._pending |= self.candidates.replace(replaced)

    def pending(self, now: int) -> list[str]:
        """The stops to rebuild at `now`, by touch or by time; asked for once."""
        self._pending |= self.candidates.touch_moved(self._now, now)
        self._now = now
        self._pending |= self.candidates.touch_due(now)
        stops, self._pending = sorted(self._pending), set()
        return stops

    def rebuild(self, stop_ids: Iterable[str], now: int) -> list[Change]:
        """Make these stops' boards as of `now`; those that changed."""
        changes = (self._rebuild(stop_id, now) for stop_id in stop_ids)
        return [change for change in changes if change is not None]

    # -- one board -------------------------------------------------------------------------------

    def _rebuild(self, stop_id: str, now: int) -> Change | None:
        before = self.boards.get(stop_id)
        stand = self.candidates.stand(stop_id, now)
        everything = stand.anew
        arrivals, changes = self._arrivals(stand, before["arrivals"] if before else {}, now)
        if before and not changes and not everything:
            return None
        alerts = self.remarks.alerts_at(stop_id, arrivals.values())
        if before and not alerts and not everything and _same_routes(before, arrivals, changes):
            routes = before["routes"]
        else:
            routes = self._routes_of(stop_id, arrivals, alerts)
        after: Board = {
            "stop_id": f"{self.timetable.feed_id}:{stop_id}",
            "version": before["version"] if before else 0,
            "stop": self._summaries[stop_id],
            "routes": routes,
            "arrivals": arrivals,
            "alerts": alerts,
        }
        patch = _patch(before, after, changes) if before else {}
        if before and not patch:
            return None
        self.boards[stop_id] = after
        return Change(stop_id, before, after, patch)

    def _arrivals(
        self, stand: Stand, stood: Mapping[str, Arrival], now: int
    ) -> tuple[dict[str, Arrival], dict[str, Any]]:
        """The arrivals of a board on which these stood, and their patch."""
        arrivals = dict(stood)
        patch: dict[str, Any] = {}
        for key, candidate in self.candidates.look(stand, stood.keys(), now).items():
            before = stood.get(key)
            after = self._arrival(stand, key, candidate, before, now)
            if after is None:
                if before is not None:
                    del arrivals[key]
                    patch[key] = None
            elif before is None:
                arrivals[key] = patch[key] = after
            elif after is not before and (difference := diff(before, after)):
                arrivals[key] = after
                patch[key] = difference
        return arrivals, patch

    def _arrival(
        self, stand: Stand, key: str, candidate: Candidate | None, before: Arrival | None, now: int
    ) -> Arrival | None:
        """What is told of a call on a board where `before` stood; None: nothing."""
        told = self._told(candidate, stand.board, now) if candidate else None
        if before is None or told is before:
            return told
        over = _stays_until(before, told) if before["status"] == "departed" else 0
        if over > now and not self.candidates.has_moved(stand, key):
            self.candidates.due.add(over, stand.board, key)
            return self.remarks.kept(before, told)
        if told is None:
            return None
        told = settled(told, before)
        if self.quiet:
            told, again = hold(told, before, now, self.quiet)
            if again is not None:
                self.candidates.due.add(again, stand.board, key)
        return told

    def _told(self, candidate: Candidate, stop_id: str, now: int) -> Arrival:
        told = candidate.told
        if told is None:
            told = candidate.told = self.candidates.tell(candidate, stop_id)
        remark = self._remark(candidate, told, stop_id, now)
        # The vehicle knows better than the clock whether it has left.
        left = remark.passed if remark and remark.away is not None else candidate.until < now
        if left and told["status"] not in ("canceled", "skipped"):
            told = {**told, "status": "departed"}
        return remark.describe(told) if remark else told

    def _remark(self, candidate: Candidate, told: Arrival, stop_id: str, now: int) -> Remark | None:
        alerts: tuple[str, ...] = ()
        if self.remarks.alerts.listed:
            about = self.remarks.alerts.about(told, told.get("stop_id", stop_id))
            until = max(candidate.until, now)  # until an alert begins it concerns what comes after
            alerts = tuple(alert_id for alert_id, begin in about if begin <= until)
            for _, begin in about:
                if until < begin <= candidate.until + PAST:  # it will still stand there by then
                    self.candidates.due.add(ceil(begin), stop_id, candidate.key)
        elif not self.remarks.vehicles.progress:
            return None
        return self.remarks.about(candidate.key, now, alerts)

    def _routes_of(
        self, stop_id: str, arrivals: Mapping[str, Arrival], alerts: Mapping[str, Alert]
    ) -> dict[str, RouteSummary]:
        used = {told.get("route_id", "") for told in arrivals.values()}
        if alerts:
            used |= self.remarks.routes_at(stop_id, alerts.values())
        return {route_id: self._routes[route_id] for route_id in sorted(used & self._routes.keys())}


def _same_routes(
    before: Board, arrivals: Mapping[str, Arrival], changes: Mapping[str, Any]
) -> bool:
    """Whether these changes brought no route, and took away none that no arrival has any more."""
    stood = before["arrivals"]
    moved = {key: told for key, told in changes.items() if told is None or "route_id" in told}
    came = {told["route_id"] for told in moved.values() if told}
    went = {stood[key].get("route_id") for key in moved if key in stood}
    return came <= before["routes"].keys() and all(
        any(told.get("route_id") == route_id for told in arrivals.values()) for route_id in went
    )


def _patch(before: Board, after: Board, arrivals: Mapping[str, Any]) -> dict[str, Any]:
    """`arrivals`: their patch."""
    patch: dict[str, Any] = {"arrivals": arrivals} if arrivals else {}
    for member in ("stop", "routes", "alerts"):
        if after[member] is not before[member] and (
            difference := diff(before[member], after[member])
        ):
            patch[member] = difference
    return patch


def _stays_until(before: Arrival, told: Arrival | None) -> int:
    """A call seen departed stays so, unless it is predicted again or called off (rule 28).

    Where it left early, what is left to be told of it is its schedule. It stays until that is over,
    or it would come back as a call to wait for.
    """
    over = effective_time(before) or 0
    if told is not None:
        if told["status"] in ("canceled", "skipped") or not _SAID.isdisjoint(told):
            return 0
        over = max(over, effective_time(told) or 0)
    return over + PAST + 1
