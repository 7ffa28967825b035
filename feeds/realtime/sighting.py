"""One VehiclePosition: where a vehicle was seen, and how that is told to riders."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from google.transit.gtfs_realtime_pb2 import Position, VehiclePosition

from schemas.arrivals import Carriage, Vehicle

Place = tuple[int | None, str, bool]
"""stop_sequence and stop_id of the current stop, and whether the vehicle stands there."""


_STATUSES = {value: name.lower() for name, value in VehiclePosition.VehicleStopStatus.items()}
_OCCUPANCIES = {
    value: name.lower()
    for name, value in VehiclePosition.OccupancyStatus.items()
    if value != VehiclePosition.NO_DATA_AVAILABLE  # that is none (rule 40)
}


class Sighting:
    """A vehicle as an endpoint last told of it.

    `heard`: when it came, POSIX seconds. `time`: when it was so; 0 where it is not dated. `run`:
    the key of the trip instance that it names, or "". `place`: the stop that it is at or on its way
    to. `status` and `occupancy` are names in lower case, None where the feed has none.
    """

    __slots__ = (
        *("_told", "endpoint", "heard", "occupancy", "place", "position", "raw", "run", "status"),
        *("time", "vehicle_id"),
    )

    def __init__(
        self, endpoint: int, raw: bytes, heard: int, run: str, position: VehiclePosition
    ) -> None:
        self.endpoint = endpoint
        self.raw = raw
        self.heard = heard
        self.run = run
        self.position = position
        self.time = position.timestamp
        self.vehicle_id = position.vehicle.id
        self.place: Place = None, position.stop_id, False
        self.status: str | None = None
        self.occupancy: str | None = None
        self._told: Vehicle | None = None
        if position.HasField("current_stop_sequence"):  # rule 41: else its status says nothing
            stands = position.current_status == VehiclePosition.STOPPED_AT
            self.place = position.current_stop_sequence, position.stop_id, stands
            self.status = _STATUSES[position.current_status]
        if position.HasField("occupancy_status"):
            self.occupancy = occupancy(position.occupancy_status)

    @property
    def told(self) -> Vehicle:
        """The vehicle of an arrival (docs/protocol.md); not to be changed."""
        if self._told is None:
            self._told = _describe(self)
        return self._told


def occupancy(status: VehiclePosition.OccupancyStatus) -> str | None:
    """The name of an OccupancyStatus; None where it says that there is no data."""
    return _OCCUPANCIES.get(status)


def _describe(sighting: Sighting) -> Vehicle:
    position = sighting.position
    told: Vehicle = {}
    if sighting.vehicle_id:
        told["id"] = sighting.vehicle_id
    if position.vehicle.label:
        told["label"] = position.vehicle.label
    _tell_position(told, position.position)
    if status := sighting.status:
        told["status"] = status
    if sighting.time:
        told["timestamp"] = sighting.time
    if said := sighting.occupancy:
        told["occupancy"] = said
    if position.multi_carriage_details:
        told["carriages"] = [_carriage(each) for each in position.multi_carriage_details]
    return told


def is_usable(position: Position) -> bool:
    """Whether it is a place, and its bearing a direction."""
    return _is_on_globe(position) and isfinite(position.bearing)


def _is_on_globe(position: Position) -> bool:
    lat, lon = position.latitude, position.longitude
    # 0, 0 is how receivers without a fix report; NaN fails both comparisons.
    return abs(lat) <= 90 and abs(lon) <= 180 and bool(lat or lon)  # noqa: PLR2004  # WGS 84 degrees


def _tell_position(told: Vehicle, position: Position) -> None:
    if _is_on_globe(position):
        told["lat"] = round(position.latitude, 5)  # one metre
        told["lon"] = round(position.longitude, 5)
        if position.HasField("bearing") and isfinite(position.bearing):
            told["bearing"] = round(position.bearing) % 360


def _carriage(details: VehiclePosition.CarriageDetails) -> Carriage:
    told: Carriage = {}
    if details.id:
        told["id"] = details.id
    if details.label:
        told["label"] = details.label
    if said := occupancy(details.occupancy_status):
        told["occupancy"] = said
    if details.occupancy_percentage >= 0:  # -1 is the default, and says nothing
        told["occupancy_percentage"] = details.occupancy_percentage
    if details.HasField("carriage_sequence"):
        told["carriage_sequence"] = details.carriage_sequence
    return told


def with_vehicle(told: Mapping[str, Any], stood: Mapping[str, Any]) -> Mapping[str, Any]:
    """`told` with the vehicle as it stood, if it is the same one that has only moved."""
    now, then = told.get("vehicle"), stood.get("vehicle")
    if now is None or then is None or now == then:
        return told
    lasting = ("id", "occupancy", "status") if told.get("stops_away") == 0 else ("id", "occupancy")
    if any(now.get(member) != then.get(member) for member in lasting):
        return told
    return {**told, "vehicle": then}
