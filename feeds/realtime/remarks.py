"""What is told of an arrival beside its call: the vehicle that comes, and the alerts about it."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

from feeds.realtime.alerts import Alerts
from feeds.realtime.progress import PASSED
from feeds.realtime.sighting import Sighting, with_vehicle
from feeds.realtime.vehicles import Vehicles
from schemas.arrivals import Alert, Arrival, Told


class Remark(NamedTuple):
    """What makes one arrival differ from its call; `sighting` where the vehicle is near."""

    away: int | None
    sighting: Sighting | None
    alerts: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the vehicle was seen to have left the stop."""
        return self.away == PASSED

    @property
    def signature(self) -> tuple[Any, ...]:
        """What has to change for the arrival to be told anew: not the vehicle's position."""
        return self.away, self.alerts, _vehicle_signature(self.sighting, self.away)

    def describe(self, told: Mapping[str, Any]) -> Told:
        remarked = Told(told)
        if self.sighting is not None:
            remarked["stops_away"] = self.away
            if self.sighting.told:
                remarked["vehicle"] = self.sighting.told
            if occupancy := self.sighting.occupancy:
                remarked.setdefault("occupancy", occupancy)
        if self.alerts:
            remarked["alerts"] = list(self.alerts)
        return remarked


def _vehicle_signature(sighting: Sighting | None, away: int | None) -> tuple[Any, ...]:
    if sighting is None:
        return ()
    # Coming in, standing there: only who waits at this very stop is told at once.
    status = sighting.status if away == 0 else None
    return sighting.vehicle_id, sighting.occupancy, status


class Remarks:
    """The vehicles and alerts of a feed, as its boards ask for them."""

    def __init__(self, vehicles: Vehicles, alerts: Alerts) -> None:
        self.vehicles = vehicles
        self.alerts = alerts

    def about(self, key: str, now: int, alerts: tuple[str, ...]) -> Remark | None:
        """Of the arrival of that key, which `alerts` concern."""
        if evidence := self.vehicles.evidence(key, now):
            away, sighting = evidence
            return Remark(away, None if away == PASSED else sighting, alerts)
        return Remark(None, None, alerts) if alerts else None

    def kept(self, kept: Mapping[str, Arrival]) -> dict[str, Any]:
        """Arrivals as they stood, without the alerts that are over."""
        listed = self.alerts.listed.keys()
        trimmed: dict[str, Any] = {}
        for key, told in kept.items():
            ids = told.get("alerts", [])
            left = [alert_id for alert_id in ids if alert_id in listed]
            trimmed[key] = told if left == ids else _with_alerts(told, left)
        return trimmed

    def alerts_at(self, stop_id: str, arrivals: Iterable[Mapping[str, Any]]) -> dict[str, Alert]:
        """The alerts of a board, by id: those about the stop and what serves it, or is to come."""
        listed = self.alerts.listed
        if not listed:
            return {}
        ids = self.alerts.at(stop_id)
        for told in arrivals:
            if "alerts" in told:
                ids.update(told["alerts"])
        return {alert_id: listed[alert_id] for alert_id in sorted(ids & listed.keys())}

    def routes_at(self, stop_id: str, alerts: Iterable[Alert]) -> set[str]:
        """The routes, by global id, that these alerts name and that call at the stop."""
        named = {route_id for alert in alerts for route_id in alert.get("routes", ())}
        return named & self.alerts.routes_at(stop_id) if named else named


def _with_alerts(told: Mapping[str, Any], alerts: list[str]) -> Told:
    bare = Told({member: value for member, value in told.items() if member != "alerts"})
    if alerts:
        bare["alerts"] = alerts
    return bare


def settle_vehicles(
    arrivals: MutableMapping[str, Any], before: Mapping[str, Mapping[str, Any]]
) -> None:
    """Put back into `arrivals` what stands, where only a vehicle has moved: boards do not churn."""
    for key, told in arrivals.items():
        if "vehicle" in told:
            stood = before.get(key)
            if stood is not None and stood is not told and with_vehicle(told, stood) == stood:
                arrivals[key] = stood
