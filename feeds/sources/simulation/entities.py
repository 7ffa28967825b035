"""What the simulated agency says about a trip: TripUpdate and VehiclePosition."""

from collections.abc import Iterator, Mapping
from math import atan2, cos, degrees, radians

from google.transit.gtfs_realtime_pb2 import (
    FeedEntity,
    Position,
    TripDescriptor,
    TripUpdate,
    VehicleDescriptor,
    VehiclePosition,
)

from feeds.realtime.descriptors import gtfs_time
from feeds.sources.simulation.lateness import expected
from feeds.sources.simulation.trips import SimulatedTrip
from feeds.timetable.entities import Stop

KEPT = 120  # seconds that a call stays in its TripUpdate after it was due and done
SKIP_NOTICE = 900  # seconds ahead that a skipped stop is told
INCOMING = 30  # seconds before an arrival

StopTimeEvent = TripUpdate.StopTimeEvent
StopTimeUpdate = TripUpdate.StopTimeUpdate
OCCUPANCIES = (
    VehiclePosition.MANY_SEATS_AVAILABLE,
    VehiclePosition.FEW_SEATS_AVAILABLE,
    VehiclePosition.STANDING_ROOM_ONLY,
    VehiclePosition.CRUSHED_STANDING_ROOM_ONLY,
)


def trip_update(simulated: SimulatedTrip, time: int) -> FeedEntity:
    """As observed at a time. That a trip is canceled is known from the beginning and not dated."""
    trip = TripUpdate(trip=descriptor(simulated))
    if not simulated.canceled:
        trip.vehicle.CopyFrom(vehicle(simulated))
        trip.timestamp = time
        trip.stop_time_update.extend(calls(simulated, time))
    return FeedEntity(id=f"trip {simulated.plan.instance}", trip_update=trip)


def descriptor(simulated: SimulatedTrip) -> TripDescriptor:
    plan = simulated.plan
    canceled = TripDescriptor.CANCELED if simulated.canceled else TripDescriptor.SCHEDULED
    return TripDescriptor(
        trip_id=plan.trip.trip_id,
        route_id=plan.trip.route_id,
        direction_id=plan.trip.direction_id,
        start_date=f"{plan.service_date:%Y%m%d}",
        start_time=gtfs_time(plan.start - plan.midnight),
        schedule_relationship=canceled,
    )


def vehicle(simulated: SimulatedTrip) -> VehicleDescriptor:
    number = str(int(simulated.chance.between("vehicle", 1000, 10000)))
    return VehicleDescriptor(id=number, label=number)


def calls(simulated: SimulatedTrip, time: int) -> Iterator[StopTimeUpdate]:
    """From the first call that is still to be made, or was until a moment ago."""
    delay, place = simulated.delay(time)
    last = len(simulated.calls) - 1
    for index, call in enumerate(simulated.calls):
        arrival, departure = 2 * index, 2 * index + 1
        left = max(simulated.scheduled[departure], simulated.actual[departure])
        if left < time - KEPT:
            continue
        update = StopTimeUpdate(stop_sequence=call.stop_sequence, stop_id=call.stop_id)
        due = simulated.scheduled[arrival]
        if index == simulated.skipped and due + delay < time + SKIP_NOTICE:
            update.schedule_relationship = StopTimeUpdate.SKIPPED
        else:
            if index > 0:
                update.arrival.CopyFrom(event(simulated, arrival, time, delay, place))
            if index < last:
                update.departure.CopyFrom(event(simulated, departure, time, delay, place))
        yield update


def event(
    simulated: SimulatedTrip, index: int, time: int, delay: float, place: float
) -> StopTimeEvent:
    """What has happened is certain; what is to come gets less so with distance."""
    scheduled = simulated.scheduled[index]
    if simulated.actual[index] <= time:
        actual = simulated.actual[index]
        return StopTimeEvent(time=actual, delay=actual - scheduled, uncertainty=0)
    ahead = max(scheduled - place, 0)
    late = int(expected(delay, ahead))
    return StopTimeEvent(time=scheduled + late, delay=late, uncertainty=30 + 30 * int(ahead // 600))


def vehicle_position(
    simulated: SimulatedTrip, time: int, stops: Mapping[str, Stop]
) -> FeedEntity | None:
    """On the straight line between two stops; None where one of them has no coordinates."""
    index, part = simulated.place(time)
    call = simulated.calls[index]
    there = stops[call.stop_id]
    here = stops[simulated.calls[max(index - 1, 0)].stop_id]
    if here.lat is None or here.lon is None or there.lat is None or there.lon is None:
        return None
    position = VehiclePosition(
        trip=descriptor(simulated),
        vehicle=vehicle(simulated),
        position=Position(
            latitude=round(here.lat + part * (there.lat - here.lat), 5),
            longitude=round(here.lon + part * (there.lon - here.lon), 5),
            bearing=bearing(here.lat, here.lon, there.lat, there.lon) if index else None,
        ),
        current_stop_sequence=call.stop_sequence,
        stop_id=call.stop_id,
        current_status=status(simulated, index, part, time),
        timestamp=time,
        occupancy_status=occupancy(simulated, time),
    )
    return FeedEntity(id=f"vehicle {simulated.plan.instance}", vehicle=position)


def status(
    simulated: SimulatedTrip, index: int, part: float, time: int
) -> VehiclePosition.VehicleStopStatus:
    if part == 1:
        return VehiclePosition.STOPPED_AT
    if simulated.actual[2 * index] - time < INCOMING:
        return VehiclePosition.INCOMING_AT
    return VehiclePosition.IN_TRANSIT_TO


def occupancy(simulated: SimulatedTrip, time: int) -> VehiclePosition.OccupancyStatus:
    """The later, the fuller: who comes late finds more riders waiting."""
    usual = int(simulated.chance.between("occupancy", 0, 3))
    late, _ = simulated.delay(time)
    return OCCUPANCIES[usual + (late > 180)]  # noqa: PLR2004  # three minutes


def bearing(lat: float, lon: float, to_lat: float, to_lon: float) -> int:
    """Degrees clockwise from north, on a plane: stops are near each other."""
    east = (to_lon - lon) * cos(radians(lat))
    return round(degrees(atan2(east, to_lat - lat))) % 360
