"""What an alert is about: one EntitySelector, whose fields all have to hold (rule 42)."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, Self

from google.transit.gtfs_realtime_pb2 import EntitySelector

from feeds.realtime.descriptors import day, seconds
from feeds.timetable.entities import Route
from feeds.timetable.timetable import Timetable

Reach = tuple[str, str, int | None]
"""What an alert is found by: "feed", "stop", "route" or "trip"; its id; a route's direction."""

EVERYTHING: Reach = ("feed", "", None)


class InformedEntity(NamedTuple):
    """The fields of a selector; None where it leaves one open.

    Route and direction may stand in its trip as well. The trip's schedule_relationship says nothing
    here.
    """

    agency_id: str | None
    route_id: str | None
    route_type: int | None
    direction_id: int | None
    trip_id: str | None
    start_date: date | None
    start_time: int | None
    stop_id: str | None

    @classmethod
    def read(cls, selector: EntitySelector) -> Self | None:
        """The selector; None where it names nothing, or two routes or directions at once."""
        trip = selector.trip
        routes = {selector.route_id, trip.route_id} - {""}
        directions = {s.direction_id for s in (selector, trip) if s.HasField("direction_id")}
        if len(routes) > 1 or len(directions) > 1 or (directions and not (routes or trip.trip_id)):
            return None
        entity = cls(
            selector.agency_id or None,
            next(iter(routes), None),
            selector.route_type if selector.HasField("route_type") else None,
            next(iter(directions), None),
            trip.trip_id.strip() or None,
            day(trip.start_date),
            seconds(trip.start_time),
            selector.stop_id or None,
        )
        return None if entity == cls(*[None] * len(cls._fields)) else entity

    @property
    def of_service(self) -> bool:
        """Whether it concerns arrivals by their trip or route, not a place or a whole agency."""
        named = (self.route_id, self.route_type, self.trip_id)
        return any(field is not None for field in named)

    def concerns(self, told: Mapping[str, Any], route: Route | None, timetable: Timetable) -> bool:
        """Whether it is about this arrival of `route`; that it is its stop is known."""
        return (
            self.of_service
            and self.direction_id in (None, told.get("direction_id"))
            and self._is_run(told)
            and (not self._of_routes or (route is not None and self.has_route(route, timetable)))
        )

    def _is_run(self, told: Mapping[str, Any]) -> bool:
        if self.trip_id is None:
            return True
        day = f"{self.start_date:%Y%m%d}" if self.start_date else None
        start = told.get("start_time")  # told of runs of frequency trips and of copies only
        return (
            told.get("trip_id") == self.trip_id
            and day in (None, told.get("service_date"))
            and (start is None or self.start_time in (None, seconds(start)))
        )

    @property
    def _of_routes(self) -> bool:
        return (self.agency_id, self.route_id, self.route_type) != (None, None, None)

    def has_route(self, route: Route, timetable: Timetable) -> bool:
        """Whether the route is among those that agency, route and type leave."""
        return (
            self.route_id in (None, route.route_id)
            and self.route_type in (None, route.type)
            and (self.agency_id is None or self.agency_id in _agency_ids(route, timetable))
        )

    def routes(self, timetable: Timetable) -> list[Route]:
        """The routes that it names, one by one or by agency and type."""
        if self.route_id is None:
            return [r for r in timetable.routes.values() if self.has_route(r, timetable)]
        route = timetable.routes.get(self.route_id)
        return [route] if route and self.has_route(route, timetable) else []

    def reaches(self, timetable: Timetable) -> set[Reach]:
        """The boards that it is listed on; none where the schedule has nothing of that name.

        That of a trip: where it calls while the alert stands.
        """
        routes = self.routes(timetable) if self._of_routes else []
        if self._of_routes and not routes:
            return set()
        if self.trip_id is not None:
            return {("trip", self.trip_id, None)}
        if self.stop_id is not None:
            return {("stop", stop, None) for stop in self._stops(routes, timetable)}
        if not self.of_service and len(timetable.agencies) == 1:
            return {EVERYTHING}
        return {("route", route.route_id, self.direction_id) for route in routes}

    def _stops(self, routes: list[Route], timetable: Timetable) -> set[str]:
        """The stop, its station, and its platforms that the named routes serve."""
        stop = timetable.stops.get(self.stop_id or "")
        found: set[str] = set()
        while stop is not None and stop.stop_id not in found:
            found.add(stop.stop_id)  # of an entrance, the station; of a boarding area, both above
            stop = timetable.stops.get(stop.parent_station or "")
        platforms = timetable.children(self.stop_id or "")
        if not routes:
            return found | set(platforms)
        served = timetable.served
        serving = (served.stops(route.route_id, self.direction_id) for route in routes)
        return found | frozenset(platforms) & frozenset[str]().union(*serving)


def _agency_ids(route: Route, timetable: Timetable) -> set[str]:
    """The ids that its agency goes by: a schedule with one agency need not name it."""
    if route.agency_id:
        return {route.agency_id}
    only = next(iter(timetable.agencies.values()), None)
    if only is None or len(timetable.agencies) > 1:
        return set()
    return {only.agency_id or ""}
