"""What is told of an arrival beside its call: the vehicle that comes, and the alerts about it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from feeds.realtime.alerts import Alerts
from feeds.realtime.progress import PASSED
from feeds.realtime.sighting import Sighting, with_vehicle
from feeds.realtime.vehicles import Vehicles
from schemas.arrivals import Alert, Arrival


class Remark(NamedTuple):
    """What makes one arrival differ from its call; `sighting` where the vehicle is near.

    `passed_by`: POSIX seconds by which its vehicle was seen further on.
    """

    away: int | None
    sighting: Sighting | None
    alerts: tuple[str, ...]
    passed_by: int | None = None

    @property
    def passed(self) -> bool:
        """Whether the vehicle was seen to have left the stop."""
        return self.away == PASSED

    def describe(self, told: Arrival) -> Arrival:
        """The arrival with what is to be remarked."""
        if self.passed_by is not None:
            told = _told_by(told, self.passed_by)
        if self.sighting is None and not self.alerts:
            return told
        remarked: Arrival = {**told}
        if self.sighting is not None and self.away is not None:
            remarked["stops_away"] = self.away
            if self.sighting.told:
                remarked["vehicle"] = self.sighting.told
            if occupancy := self.sighting.occupancy:
                remarked.setdefault("occupancy", occupancy)
        if self.alerts:
            remarked["alerts"] = list(self.alerts)
        return remarked


class Remarks:
    """The vehicles and alerts of a feed, as its boards ask for them."""

    def __init__(self, vehicles: Vehicles, alerts: Alerts) -> None:
        self.vehicles = vehicles
        self.alerts = alerts

    def about(self, key: str, now: int, alerts: tuple[str, ...]) -> Remark | None:
        """Of the arrival of that key, which `alerts` concern."""
        if evidence := self.vehicles.evidence(key, now):
            away, sighting, passed_by = evidence
            return Remark(away, None if away == PASSED else sighting, alerts, passed_by)
        return Remark(None, None, alerts) if alerts else None

    def kept(self, stood: Arrival, told: Arrival | None) -> Arrival:
        """An arrival as it stood, but for the alerts: those of `told`, or those not over."""
        ids = stood.get("alerts", [])
        if told is not None:
            left = told.get("alerts", [])
        else:
            left = [alert_id for alert_id in ids if alert_id in self.alerts.listed]
        return stood if left == ids else _with_alerts(stood, left)

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


def _told_by(told: Arrival, moment: int) -> Arrival:
    """No prediction is later than `moment`: then it had happened."""
    bounded: Arrival = {**told}
    if "arrival" in told:
        bounded["arrival"] = min(told["arrival"], moment)
        if "scheduled_arrival" in told:
            bounded["delay"] = bounded["arrival"] - told["scheduled_arrival"]
    if "departure" in told:
        bounded["departure"] = min(told["departure"], moment)
        if "scheduled_departure" in told:
            bounded["delay"] = bounded["departure"] - told["scheduled_departure"]
    return bounded


def _with_alerts(told: Arrival, alerts: list[str]) -> Arrival:
    bare: Arrival = {**told}
    bare.pop("alerts", None)
    if alerts:
        bare["alerts"] = alerts
    return bare


def settled(told: Arrival, stood: Arrival) -> Arrival:
    """What stands, where only a vehicle has moved: boards do not churn."""
    if "vehicle" in told and with_vehicle(told, stood) == stood:
        return stood
    return told
