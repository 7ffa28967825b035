"""Which stop time update belongs to which call (SPEC rules 18 to 23).

An update is read field by field once, here: access to protobuf is what a changed trip costs most.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from google.transit.gtfs_realtime_pb2 import TripUpdate, VehiclePosition

from feeds.realtime.decode import Note
from feeds.timetable.entities import StopTime

StopTimeUpdate = TripUpdate.StopTimeUpdate
StopTimeEvent = TripUpdate.StopTimeEvent
StopTimeProperties = StopTimeUpdate.StopTimeProperties

SKIPPED, NO_DATA = StopTimeUpdate.SKIPPED, StopTimeUpdate.NO_DATA
_NO_MOMENT = 2**40  # milliseconds, or garbage: a difference of two must fit JSON's 64 bits


@dataclass(slots=True)  # made and read quicker than a NamedTuple, and there are many
class Reading:
    """A stop time update, read.

    `stop_id` is as told, or ""; `calls_at` the known stop that is meant, None if it tells none.
    `arrives` and `departs` are POSIX seconds, 0 where there is no time; the delays beside them are
    None where an event says nothing, and 0 where it only has a time.
    """

    stop_sequence: int | None
    stop_id: str
    calls_at: str | None
    relationship: int
    arrives: int
    arrives_late: int | None
    departs: int
    departs_late: int | None
    occupancy: VehiclePosition.OccupancyStatus | None
    properties: StopTimeProperties | None
    arrival: StopTimeEvent
    departure: StopTimeEvent

    @property
    def timeless(self) -> bool:
        """Whether it says something without times."""
        return self.relationship in (SKIPPED, NO_DATA)


def read(
    trip_id: str, updates: Iterable[StopTimeUpdate], stop_ids: Collection[str], note: Note
) -> list[Reading]:
    """What the updates of a trip say; what of one is passed over, while the rest counts, is noted."""
    readings = []
    for update in updates:
        told = _reading(update, stop_ids)
        readings.append(told)
        if told.arrives_late is None and told.departs_late is None:
            pass  # there is nothing beside it that would count
        elif told.relationship == NO_DATA:
            note("no_data_with_times", where(trip_id, told))  # rule 21
        elif not (told.arrives and told.departs) and _is_partly_unusable(update, told):
            note("stop_event_unusable", where(trip_id, told))
        if told.properties is not None and _is_lost(told.properties, told.calls_at):
            note("assigned_stop_unknown", f"{trip_id}: {told.properties.assigned_stop_id}")
    return readings


def _is_partly_unusable(update: StopTimeUpdate, told: Reading) -> bool:
    """Whether an event is empty, or its time impossible: validator E044, E001."""
    arrival, departure = told.arrival, told.departure
    if not (0 <= arrival.time < _NO_MOMENT and 0 <= departure.time < _NO_MOMENT):
        return True
    if told.arrives_late is None:
        return update.HasField("arrival") and not arrival.ListFields()
    return told.departs_late is None and update.HasField("departure") and not departure.ListFields()


def _is_lost(told: StopTimeProperties, calls_at: str | None) -> bool:
    return bool(told.assigned_stop_id) and told.assigned_stop_id != calls_at


def _reading(update: StopTimeUpdate, stop_ids: Collection[str]) -> Reading:
    """What an update says, whichever call it is of."""
    stop_sequence = update.stop_sequence
    stop_id = calls_at = update.stop_id
    properties = None
    if update.HasField("stop_time_properties"):
        properties = update.stop_time_properties
        if properties.assigned_stop_id in stop_ids:
            calls_at = properties.assigned_stop_id
    arrival, departure = update.arrival, update.departure
    arrives, arrives_late = _read(arrival)
    departs, departs_late = _read(departure)
    occupied = update.HasField("departure_occupancy_status")
    return Reading(
        stop_sequence if stop_sequence or update.HasField("stop_sequence") else None,
        stop_id,
        calls_at if calls_at in stop_ids else None,
        update.schedule_relationship,
        arrives,
        arrives_late,
        departs,
        departs_late,
        update.departure_occupancy_status if occupied else None,
        properties,
        arrival,
        departure,
    )


def _read(event: StopTimeEvent) -> tuple[int, int | None]:
    time = event.time
    if 0 < time < _NO_MOMENT:
        return time, event.delay
    return 0, event.delay if event.HasField("delay") else None


def moment(time: int) -> int:
    """A POSIX time as given; 0, how some producers leave it out (rule 7), for what is none."""
    return time if 0 < time < _NO_MOMENT else 0


def uncertainty(event: StopTimeEvent) -> int | None:
    """Seconds, as given; less than 0 is an error and tells none (rule 27)."""
    if not event.HasField("uncertainty"):
        return None
    return event.uncertainty if event.uncertainty >= 0 else None


def decreasing(readings: Iterable[Reading]) -> bool:
    """Whether a stop_sequence is lower than one before it (validator E002)."""
    numbers = [each.stop_sequence for each in readings if each.stop_sequence is not None]
    return numbers != sorted(numbers)


def where(trip_id: str, told: Reading) -> str:
    """For a note: the call that an update speaks of."""
    sequence = "none" if told.stop_sequence is None else told.stop_sequence
    return f"{trip_id}: stop_sequence {sequence}, stop_id {told.stop_id or 'none'}"


def match_stops(
    trip_id: str, stop_times: Sequence[StopTime], readings: Iterable[Reading], note: Note
) -> dict[int, Reading]:
    """By position in `stop_times`, the update of that call. What fits nowhere is noted."""
    by_sequence = {stop_time.stop_sequence: i for i, stop_time in enumerate(stop_times)}
    matched: dict[int, Reading] = {}
    after = 0
    for told in readings:
        if told.stop_sequence is None:
            index = _next_visit(stop_times, told.stop_id, after)
        else:
            index = by_sequence.get(told.stop_sequence)
        if index is None:
            note("stop_not_in_trip", where(trip_id, told))
            continue
        if index in matched:
            note("stop_repeated", where(trip_id, told))  # validator E036
            continue
        after = index + 1  # of an empty one too: it speaks of that call
        if told.arrives_late is None and told.departs_late is None and not told.timeless:
            note("stop_time_empty", where(trip_id, told))  # validator E043, E044
            continue
        if told.stop_id and told.calls_at != stop_times[index].stop_id:
            _note_stop(trip_id, stop_times[index].stop_id, told, note)
        matched[index] = told
    return matched


def _next_visit(stop_times: Sequence[StopTime], stop_id: str, after: int) -> int | None:
    # In order along the trip, so that a loop's second visit finds its own update (P11 to P13).
    for index in range(after, len(stop_times)):
        if stop_times[index].stop_id == stop_id:
            return index
    return None


def _note_stop(trip_id: str, planned: str, told: Reading, note: Note) -> None:
    """Another stop than the schedule's: an assignment, or a contradiction (validator E045)."""
    assigned = told.properties.assigned_stop_id if told.properties else ""
    if told.stop_id not in (planned, assigned):
        fate = "moved" if told.calls_at == told.stop_id else "unknown"
        note(f"stop_disagrees_{fate}", where(trip_id, told))
