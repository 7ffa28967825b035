"""How a call, its trip, its route and its stop are told to riders (docs/protocol.md, "Board")."""

from feeds.realtime.calls import Call
from feeds.realtime.descriptors import gtfs_time
from feeds.realtime.sighting import occupancy
from feeds.realtime.trip_instance import TripInstance
from feeds.timetable.entities import Route, Stop, Trip
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival, Boarding, RouteSummary, StopSummary

# GTFS stop_times.pickup_type and drop_off_type; regular (0) goes without saying.
_BOARDING: dict[int, Boarding] = {1: "none", 2: "phone_agency", 3: "coordinate_with_driver"}


def describe_trip(instance: TripInstance, last_stop_id: str, timetable: Timetable) -> Arrival:
    """What all arrivals of an instance have in common."""
    trip = instance.trip
    told: Arrival = {"trip_id": instance.trip_id, "status": "scheduled"}
    if instance.service_date is not None:
        told["service_date"] = f"{instance.service_date:%Y%m%d}"
    if instance.start_time is not None:
        told["start_time"] = gtfs_time(instance.start_time)
    if instance.route_id:
        told["route_id"] = f"{timetable.feed_id}:{instance.route_id}"
    if instance.direction_id is not None:
        told["direction_id"] = instance.direction_id
    headsign = instance.headsign or (trip.headsign if trip else None)
    if headsign := headsign or timetable.stops[last_stop_id].name:
        told["headsign"] = headsign
    if short_name := instance.short_name or (trip.short_name if trip else None):
        told["trip_short_name"] = short_name
    if instance.added:
        told["added"] = True
    if trip:
        _tell_access(told, trip)
    return told


def _tell_access(told: Arrival, trip: Trip) -> None:
    if trip.wheelchair_accessible:
        told["wheelchair_accessible"] = trip.wheelchair_accessible == 1
    if trip.bikes_allowed:
        told["bikes_allowed"] = trip.bikes_allowed == 1


def describe_call(trip: Arrival, call: Call, board_stop: str, timetable: Timetable) -> Arrival:
    """One arrival, as it stands before its time; `trip` is `describe_trip` of its instance."""
    told: Arrival = {**trip, "status": call.status}
    if call.stop_sequence is not None:
        told["stop_sequence"] = call.stop_sequence
    if call.stop_id != board_stop:
        told["stop_id"] = call.stop_id
    if platform := timetable.stops[call.stop_id].platform_code:
        told["platform_code"] = platform
    if call.headsign:
        told["headsign"] = call.headsign
    if call.first:
        told["first"] = True
    if call.last:
        told["last"] = True
    if call.pickup_type or call.drop_off_type or call.occupancy is not None:
        _tell_boarding(told, call)
    _tell_times(told, call)
    if call.headway:
        told["headway"], told["start"], told["end"] = call.headway
    return told


def _tell_boarding(told: Arrival, call: Call) -> None:
    if boarding := _BOARDING.get(call.pickup_type):
        told["pickup"] = boarding
    if boarding := _BOARDING.get(call.drop_off_type):
        told["drop_off"] = boarding
    if call.occupancy is not None and (said := occupancy(call.occupancy)):
        told["occupancy"] = said


def _tell_times(told: Arrival, call: Call) -> None:
    # Nobody arrives where a trip begins, nobody departs where it ends.
    if not call.first:
        scheduled, predicted = call.scheduled_arrival, call.arrival
        if scheduled is not None:
            told["scheduled_arrival"] = scheduled
        if predicted is not None:
            told["arrival"] = predicted
            if scheduled is not None:
                told["delay"] = predicted - scheduled
    if not call.last or call.first:  # the one call of a trip that has no other is a departure
        scheduled, predicted = call.scheduled_departure, call.departure
        if scheduled is not None:
            told["scheduled_departure"] = scheduled
        if predicted is not None:
            told["departure"] = predicted
            if scheduled is not None:
                told["delay"] = predicted - scheduled
    if call.uncertainty is not None:
        told["uncertainty"] = call.uncertainty


def describe_stop(stop: Stop, timetable: Timetable) -> StopSummary:
    """The stop of a board; its time zone is its station's, its own or the agency's."""
    parent = timetable.stops.get(stop.parent_station or "")
    told: StopSummary = {
        "location_type": stop.location_type,
        # GTFS, stop_timezone: a platform inherits its station's instead of applying its own.
        "timezone": (parent.timezone if parent else None)
        or stop.timezone
        or timetable.timezone.key,
    }
    if stop.name is not None:
        told["name"] = stop.name
    if stop.code is not None:
        told["code"] = stop.code
    if stop.platform_code is not None:
        told["platform_code"] = stop.platform_code
    if stop.parent_station is not None:
        told["parent_id"] = f"{timetable.feed_id}:{stop.parent_station}"
    if stop.lat is not None and stop.lon is not None:
        told["lat"], told["lon"] = stop.lat, stop.lon
    if stop.wheelchair_boarding is not None:
        told["wheelchair_boarding"] = stop.wheelchair_boarding
    return told


def describe_route(route: Route) -> RouteSummary:
    """A route in use on a board."""
    told: RouteSummary = {"type": route.type}
    if route.short_name is not None:
        told["short_name"] = route.short_name
    if route.long_name is not None:
        told["long_name"] = route.long_name
    if route.color is not None:
        told["color"] = route.color
    if route.text_color is not None:
        told["text_color"] = route.text_color
    if route.agency_id is not None:
        told["agency_id"] = route.agency_id
    return told
