"""The alerts of a feed: which of them stand on a board, and which concern an arrival there.

An alert is found by what it is about (`Reach`), so that one about a whole agency costs no more
than one about a stop. Pure: time is an argument.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from google.transit.gtfs_realtime_pb2 import FeedEntity

from feeds.realtime.decode import Message, Note, Origin
from feeds.realtime.informed_entity import EVERYTHING, InformedEntity, Reach
from feeds.realtime.notice import Notice, read_notice
from feeds.realtime.trip_updates import Run
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Alert

_NONE: dict[str, list[InformedEntity]] = {}


class Alerts:
    """All alerts heard, and those listed now. `runs` is `TripUpdates.runs`."""

    def __init__(self, timetable: Timetable, runs: Mapping[str, Run]) -> None:
        self.timetable = timetable
        self.listed: dict[str, Alert] = {}
        self._runs = runs
        self._said: dict[str, dict[Origin, Notice]] = defaultdict(dict)
        self._ids: dict[Origin, str] = {}
        self._notices: dict[str, Notice] = {}
        self._begins: dict[str, float] = {}
        self._about: dict[Reach, dict[str, list[InformedEntity]]] = {}
        self._reaches: dict[str, tuple[Reach, ...]] = {}
        self._marks: dict[tuple[str, int | None, str], frozenset[str]] = {}
        self._due: list[tuple[float, str]] = []
        self._now = 0

    # -- what was heard --------------------------------------------------------------------------

    def apply(self, endpoint: int, message: Message, now: float, note: Note) -> set[str]:
        """Take what a poll of an endpoint changed; the stops whose boards it touches."""
        self._now = int(now)
        changed = self._remove((endpoint, raw) for raw in message.removed)
        for raw, entity in message.added:
            if entity.HasField("alert"):
                changed.add(self._add((endpoint, raw), entity, note))
        return self._settle(changed, self._now)

    def withdraw(self, endpoint: int) -> set[str]:
        """Forget what an endpoint said: it is too old to be shown; the stops touched."""
        return self._settle(self._remove([s for s in self._ids if s[0] == endpoint]), self._now)

    def due(self, now: int) -> set[str]:
        """The stops where an alert begins to be listed, or ends, at `now` at the latest."""
        self._now = now
        changed: set[str] = set()
        while self._due and self._due[0][0] <= now:
            changed.add(heapq.heappop(self._due)[1])
        return self._settle(changed, now)

    def _add(self, origin: Origin, entity: FeedEntity, note: Note) -> str:
        notice = read_notice(entity.alert, self.timetable, note)
        for each in notice.entities:
            if not each.reaches(self.timetable):
                note("alert_entity_unknown", _named(each))
        self._said[notice.alert_id][origin] = notice
        self._ids[origin] = notice.alert_id
        return notice.alert_id

    def _remove(self, origins: Iterable[Origin]) -> set[str]:
        changed = set()
        for origin in origins:
            if alert_id := self._ids.pop(origin, None):
                del self._said[alert_id][origin]
                changed.add(alert_id)
        return changed

    # -- what is listed --------------------------------------------------------------------------

    def _settle(self, changed: Iterable[str], now: int) -> set[str]:
        touched: set[str] = set()
        for alert_id in changed:
            before = self._notices.pop(alert_id, None)
            told = self.listed.get(alert_id)
            notice = _joined(self._said.get(alert_id, {}).values())
            if notice is None:
                self._said.pop(alert_id, None)
            else:
                self._notices[alert_id] = notice
                # When it comes within the window, or one of its periods is over.
                heapq.heappush(self._due, (notice.changes(now), alert_id))
            after = notice.describe(now) if notice and notice.listed(now) else None
            begin = notice.begin(now) if notice else 0.0
            if told == after and self._begins.get(alert_id) == begin:
                continue
            self._marks.clear()
            if before and told is not None:
                touched |= self._unlist(before)
            if notice and after is not None:
                touched |= self._list(notice, after, begin)
        return touched

    def _list(self, notice: Notice, told: Alert, begin: float) -> set[str]:
        self.listed[notice.alert_id] = told
        self._begins[notice.alert_id] = begin
        for entity, reach in self._all_reaches(notice):
            about = self._about.setdefault(reach, {})
            about.setdefault(notice.alert_id, []).append(entity)
        return self._stops(notice)

    def _unlist(self, notice: Notice) -> set[str]:
        del self.listed[notice.alert_id]
        del self._begins[notice.alert_id]
        for _, reach in self._all_reaches(notice):
            about = self._about.get(reach, {})
            about.pop(notice.alert_id, None)
            if not about:
                self._about.pop(reach, None)
        return self._stops(notice)

    def _all_reaches(self, notice: Notice) -> Iterable[tuple[InformedEntity, Reach]]:
        return (
            (entity, reach)
            for entity in notice.entities
            for reach in entity.reaches(self.timetable)
        )

    def _stops(self, notice: Notice) -> set[str]:
        """The stops where it stands, or stood."""
        found: set[str] = set()
        trips: set[str] = set()
        for _, reach in self._all_reaches(notice):
            kind, named, direction_id = reach
            if kind == "stop":
                found.add(named)
            elif kind == "route":
                found |= self.timetable.served.stops(named, direction_id)
            elif kind == "trip":
                trips.add(named)
            else:
                found.update(self.timetable.stops)
        return found | self._stops_of_trips(trips) if trips else found

    def _stops_of_trips(self, trip_ids: set[str]) -> set[str]:
        found: set[str] = set()
        for trip_id in trip_ids & self.timetable.trips.keys():
            rows = self.timetable.stop_times(self.timetable.trips[trip_id])
            found.update(row.stop_id for row in rows)
        for run in self._runs.values():
            if run.instance.trip_id in trip_ids:
                found.update(call.stop_id for call in run.calls)
        return found

    # -- what a board asks -----------------------------------------------------------------------

    def at(self, stop_id: str) -> set[str]:
        """The ids of the alerts on a stop's board, those about single trips aside."""
        if not self._about:
            return set()
        found: set[str] = set()
        for reach in self._reaches_of(stop_id):
            found.update(self._about.get(reach, ()))
        return found

    def about(self, told: Mapping[str, Any], stop_id: str) -> tuple[tuple[str, float], ...]:
        """The alerts that concern an arrival at exactly this stop, and from when on they hold."""
        if not self._about:
            return ()
        way = told.get("route_id", ""), told.get("direction_id"), stop_id
        found = self._marks.get(way)
        if found is None:
            found = self._marks[way] = self._concerning(told, stop_id)
        if trip := self._about.get(("trip", told.get("trip_id", ""), None)):
            found |= self._among(trip, told, stop_id)
        return tuple((alert_id, self._begins[alert_id]) for alert_id in sorted(found))

    def _concerning(self, told: Mapping[str, Any], stop_id: str) -> frozenset[str]:
        """Those about its route, here or anywhere: the same for all trips of a route."""
        route_id = told.get("route_id", "").partition(":")[2]
        asked: tuple[Reach, ...] = (
            ("route", route_id, None),
            ("route", route_id, told.get("direction_id")),
            ("stop", stop_id, None),
            ("stop", self.timetable.stops[stop_id].parent_station or "", None),
        )
        found = (self._among(self._about.get(reach, _NONE), told, stop_id) for reach in asked)
        return frozenset[str]().union(*found)

    def _among(
        self, about: Mapping[str, list[InformedEntity]], told: Mapping[str, Any], stop_id: str
    ) -> frozenset[str]:
        """An alert at one platform is listed at its station, and does not concern the others."""
        route = self.timetable.routes.get(told.get("route_id", "").partition(":")[2])
        places = (None, stop_id, self.timetable.stops[stop_id].parent_station)
        return frozenset(
            alert_id
            for alert_id, entities in about.items()
            if any(
                each.stop_id in places and each.concerns(told, route, self.timetable)
                for each in entities
            )
        )

    def routes_at(self, stop_id: str) -> set[str]:
        """The global ids of the routes that call at a stop or its platforms."""
        platforms = (stop_id, *self.timetable.children(stop_id))
        ways = self.timetable.served.at(platforms)
        return {f"{self.timetable.feed_id}:{route_id}" for route_id, _ in ways}

    def _reaches_of(self, stop_id: str) -> tuple[Reach, ...]:
        known = self._reaches.get(stop_id)
        if known is None:
            platforms = (stop_id, *self.timetable.children(stop_id))
            ways = self.timetable.served.at(platforms)
            routes = {route_id for route_id, _ in ways}
            known = self._reaches[stop_id] = (
                EVERYTHING,
                ("stop", stop_id, None),
                *(("route", route_id, None) for route_id in routes),
                *(("route", *way) for way in ways if way[1] is not None),
            )
        return known


def _joined(said: Iterable[Notice]) -> Notice | None:
    """The same alert, said more than once: its periods together."""
    notices = list(said)
    if len(notices) < 2:  # noqa: PLR2004  # nothing to join
        return notices[0] if notices else None
    periods = sorted({period for notice in notices for period in notice.periods})
    return notices[0]._replace(periods=tuple(periods))


def _named(entity: InformedEntity) -> str:
    named = (f"{name} {value}" for name, value in entity._asdict().items() if value is not None)
    return ", ".join(named)
