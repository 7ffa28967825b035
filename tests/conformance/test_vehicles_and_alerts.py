"""Vehicles and alerts of real captures, on boards of schedules real or made for them."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from google.transit.gtfs_realtime_pb2 import Alert, EntitySelector, FeedMessage

from feeds.realtime.pipeline import Pipeline
from feeds.timetable.entities import Agency, Route
from feeds.timetable.timetable import Timetable
from tests.timetables import make_timetable, stop

RunFiles = Callable[..., Awaitable[Any]]

CALTRAIN = "transitland-lib/rt"
NEW_YORK = ZoneInfo("America/New_York")
TWO_HOURS = 7200


def read(path: Path) -> FeedMessage:
    return FeedMessage.FromString(path.read_bytes())


def polled(timetable: Timetable, message: FeedMessage) -> Pipeline:
    pipeline, now = Pipeline(timetable), message.header.timestamp
    pipeline.poll(0, message.SerializeToString(), now)
    pipeline.changes(pipeline.pending(now), now)
    return pipeline


async def test_rule_41_a_vehicle_that_tells_no_stop_is_not_placed(run_files: RunFiles) -> None:
    """Caltrain's tell coordinates only; boards are as if there were none."""
    files = [f"{CALTRAIN}/ct-trip-updates.pb", f"{CALTRAIN}/ct-vehicle-positions.pb"]
    at = "2023-11-08T01:05:59Z"
    run = await run_files(f"{CALTRAIN}/ct.zip", *files, at=at)
    without = await run_files(f"{CALTRAIN}/ct.zip", files[0], at=at)
    assert run.pipeline.boards.boards == without.pipeline.boards.boards


def test_rule_41_each_vehicle_of_mbta_is_told_at_its_stop(captures: Path) -> None:
    message = read(captures / "mbta-concentrate" / "vehiclepositions.pb")
    scheduled = [e.vehicle for e in message.entity if "ADDED" not in e.vehicle.trip.trip_id]
    trips = {
        seen.trip.trip_id: [
            (seen.current_stop_sequence, seen.stop_id, "14:00:00", "14:00:00"),
            (seen.current_stop_sequence + 10, "end", "14:10:00", "14:10:00"),
        ]
        for seen in scheduled
    }
    days = (date(2017, 12, 17), date(2017, 12, 18), date(2017, 12, 19))
    pipeline = polled(make_timetable(trips, days=days, zone=NEW_YORK), message)
    fresh = [seen for seen in scheduled if message.header.timestamp - seen.timestamp <= 90]
    assert len(fresh) == 12  # the others were last seen more than 90 s ago
    for seen in fresh:
        arrivals = pipeline.boards.boards[seen.stop_id]["arrivals"].values()
        [told] = [a for a in arrivals if a["trip_id"] == seen.trip.trip_id]
        assert told["stops_away"] == 0
        assert told["vehicle"]["id"] == seen.vehicle.id
        assert told["vehicle"]["timestamp"] == seen.timestamp
        assert told["status"] == "scheduled"


def test_rule_42_mbta_alerts_stand_at_the_stops_that_they_name(captures: Path) -> None:
    message = read(captures / "mbta-concentrate" / "alerts.pb")
    now = message.header.timestamp
    named = {each.stop_id for each in selectors(message) if each.stop_id}
    days = (date(2017, 12, 22), date(2017, 12, 23), date(2017, 12, 24))
    timetable = make_timetable(
        {"t": [(1, "x", "00:00:00", "00:00:00"), (2, "y", "00:00:01", "00:00:01")]},
        stops=map(stop, named), days=days, zone=NEW_YORK,
    )  # fmt: skip
    timetable.agencies.clear()
    timetable.agencies["1"] = Agency("1", "MBTA", "https://example.org", "", None, None)
    for each in selectors(message):
        if each.route_id:
            timetable.routes[each.route_id] = route(each.route_id, "1", each.route_type)
    pipeline = polled(timetable, message)
    for stop_id in named:
        expected = {
            header(entity.alert)
            for entity in message.entity
            if is_listed(entity.alert, now)
            and any(
                each.stop_id == stop_id and not each.trip.trip_id
                for each in entity.alert.informed_entity
            )
        }
        assert headers(pipeline, stop_id) == expected
    assert sum(bool(board["alerts"]) for board in pipeline.boards.boards.values()) == 47


def test_rule_42_new_york_alerts_stand_where_their_routes_call(captures: Path) -> None:
    """By route, or by the route and direction of a trip without id."""
    message = read(captures / "gtfsrealtime-r" / "nyc-service-alerts.pb")
    ways = {way(each): each for each in selectors(message)}
    trips = {
        str(number): [(1, f"stop {number}", "08:00:00", "08:00:00"), (2, "end", "09:00:00", "09:00:00")]
        for number in range(len(ways))
    }  # fmt: skip
    timetable = make_timetable(trips, days=(date(2026, 1, 28),), zone=NEW_YORK)
    for trip, (route_id, direction) in zip(timetable.trips.values(), ways, strict=True):
        object.__setattr__(trip, "route_id", route_id)
        object.__setattr__(trip, "direction_id", direction)
        agency = ways[route_id, direction].agency_id
        timetable.agencies[agency] = Agency(agency, agency, "", "", None, None)
        timetable.routes[route_id] = route(route_id, agency, 3)
    pipeline = polled(timetable, message)
    for number, (route_id, direction) in enumerate(ways):
        expected = {
            header(entity.alert)
            for entity in message.entity
            for each in entity.alert.informed_entity
            if is_listed(entity.alert, message.header.timestamp)
            and way(each)[0] == route_id
            and way(each)[1] in (None, direction)
        }
        assert headers(pipeline, f"stop {number}") == expected
    assert pipeline.quality.report() == {}


def selectors(message: FeedMessage) -> Iterable[EntitySelector]:
    return (each for entity in message.entity for each in entity.alert.informed_entity)


def way(selector: EntitySelector) -> tuple[str, int | None]:
    if selector.route_id:
        return selector.route_id, None
    return selector.trip.route_id, selector.trip.direction_id


def route(route_id: str, agency: str, kind: int) -> Route:
    return Route(route_id, agency, route_id, None, None, None, kind)


def is_listed(alert: Alert, now: int) -> bool:
    edge = now // 300 * 300 + TWO_HOURS
    return any(p.start < edge and (not p.end or now < p.end) for p in alert.active_period)


def header(alert: Alert) -> str:
    return alert.header_text.translation[0].text


def headers(pipeline: Pipeline, stop_id: str) -> set[str]:
    alerts = pipeline.boards.boards[stop_id]["alerts"].values()
    return {text for alert in alerts for text in alert["header"].values()}
