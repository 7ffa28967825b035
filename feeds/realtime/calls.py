"""A call: one trip at one stop, as scheduled and as realtime has it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import VehiclePosition

from feeds.realtime.stop_matching import Reading, StopTimeProperties
from feeds.timetable.entities import StopTime
from schemas.arrivals import ArrivalStatus


class CallStatus:
    """What realtime says of one call, as it stands on the wire."""

    SCHEDULED: ArrivalStatus = "scheduled"
    PREDICTED: ArrivalStatus = "predicted"
    NO_DATA: ArrivalStatus = "no_data"
    SKIPPED: ArrivalStatus = "skipped"
    CANCELED: ArrivalStatus = "canceled"


@dataclass(slots=True)
class Said:
    """What realtime says of one call, in POSIX seconds; `told` is its own update, if it has one."""

    status: ArrivalStatus
    arrival: int | None = None
    departure: int | None = None
    uncertainty: int | None = None
    told: Reading | None = None


_NOTHING = Said(CallStatus.SCHEDULED)


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
    status: ArrivalStatus
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
        for moment in events:
            if moment is not None:
                return moment
        return None


@lru_cache(1024)
def visit(stop_sequence: int) -> str:
    """Of a call of the schedule; one object for all trips."""
    return str(stop_sequence)


def planned_call(
    stop_time: StopTime, zero: int, said: Said = _NOTHING, *, first: bool, last: bool
) -> Call:
    """A call of the schedule; `zero` is the POSIX time that its times count from."""
    sequence, stop_id, arrives, departs, headsign, pickup, drop_off = stop_time
    told = said.told
    if told is not None and told.calls_at is not None:
        stop_id = told.calls_at
    # Two equal numbers are one object: of most calls there are two pairs.
    scheduled, predicted = zero + arrives, said.arrival
    call = Call(
        stop_id,
        visit(sequence),
        sequence,
        said.status,
        scheduled,
        scheduled if departs == arrives else zero + departs,
        predicted,
        predicted if said.departure == predicted else said.departure,
        said.uncertainty,
        headsign,
        pickup,
        drop_off,
        first,
        last,
        None,
        None if told is None else told.occupancy,
    )
    if told is None or told.properties is None:
        return call
    return with_properties(call, told.properties)


def with_properties(call: Call, told: StopTimeProperties) -> Call:
    """The call with what `stop_time_properties` say instead of the schedule (rule 20)."""
    return call._replace(
        headsign=told.stop_headsign or call.headsign,
        pickup_type=told.pickup_type if told.HasField("pickup_type") else call.pickup_type,
        drop_off_type=told.drop_off_type if told.HasField("drop_off_type") else call.drop_off_type,
    )
