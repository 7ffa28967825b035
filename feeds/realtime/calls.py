"""A call: one trip at one stop, as scheduled and as realtime has it."""

from enum import Enum
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import TripUpdate, VehiclePosition

from feeds.timetable.entities import StopTime


class Service(Enum):
    """What realtime says of one call. The values are statuses of the wire."""

    SCHEDULED = "scheduled"
    PREDICTED = "predicted"
    NO_DATA = "no_data"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class Times(NamedTuple):
    """Predicted times of one call; `uncertainty` in seconds, as the feed gives it."""

    arrival: int
    departure: int
    uncertainty: int | None = None


class Headway(NamedTuple):
    """Every how many seconds a vehicle calls, and in which period (POSIX seconds) at this stop."""

    seconds: int
    start: int
    end: int


class Call(NamedTuple):
    """One trip at one stop. `visit` tells it from the trip's other calls, poll after poll."""

    stop_id: str
    visit: str
    stop_sequence: int | None
    service: Service
    scheduled_arrival: int | None
    scheduled_departure: int | None
    arrival: int | None
    departure: int | None
    uncertainty: int | None
    headsign: str | None
    pickup_type: int
    drop_off_type: int
    first: bool
    last: bool
    headway: Headway | None = None
    occupancy: VehiclePosition.OccupancyStatus | None = None  # at departure

    @property
    def time(self) -> int | None:
        """The effective time: departure, else arrival, else as scheduled; at the end, arrival."""
        events = (
            (self.arrival, self.departure, self.scheduled_arrival, self.scheduled_departure)
            if self.last
            else (self.departure, self.arrival, self.scheduled_departure, self.scheduled_arrival)
        )
        return next((moment for moment in events if moment is not None), None)


def planned_call(
    stop_time: StopTime,
    zero: int,
    *,
    first: bool,
    last: bool,
    service: Service = Service.SCHEDULED,
    times: Times | None = None,
    stop_id: str | None = None,
) -> Call:
    """A call of the schedule; `zero` is the POSIX time that its times count from."""
    sequence, planned_stop, planned_arrival, planned_departure, headsign, pickup, drop_off = (
        stop_time
    )
    arrival, departure, uncertainty = times or (None, None, None)
    return Call(
        stop_id or planned_stop,
        str(sequence),
        sequence,
        service,
        zero + planned_arrival,
        zero + planned_departure,
        arrival,
        departure,
        uncertainty,
        headsign,
        pickup,
        drop_off,
        first,
        last,
    )


def with_properties(call: Call, told: TripUpdate.StopTimeUpdate.StopTimeProperties | None) -> Call:
    """The call with what `stop_time_properties` say instead of the schedule (rule 20)."""
    if told is None:
        return call
    return call._replace(
        headsign=told.stop_headsign or call.headsign,
        pickup_type=told.pickup_type if told.HasField("pickup_type") else call.pickup_type,
        drop_off_type=told.drop_off_type if told.HasField("drop_off_type") else call.drop_off_type,
    )


def with_occupancy(call: Call, update: TripUpdate.StopTimeUpdate) -> Call:
    """The call with how full its vehicle will be when it leaves (rule 40)."""
    if not update.HasField("departure_occupancy_status"):
        return call
    return call._replace(occupancy=update.departure_occupancy_status)
