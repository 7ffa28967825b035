"""Alerts that come and go."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import (
    Alert,
    EntitySelector,
    FeedEntity,
    TimeRange,
    TranslatedString,
)

from feeds.sources.simulation.chance import Chance
from feeds.timetable.entities import Route, Stop
from feeds.timetable.timetable import Timetable

SLOT = 600  # seconds; in each one an alert may begin
LONGEST = 3600  # seconds
OFTEN = 0.6  # alerts per slot


class Incident(NamedTuple):
    """What an alert can be about; the texts take the name of the place."""

    of_route: bool
    cause: Alert.Cause
    effect: Alert.Effect
    severity: Alert.SeverityLevel
    texts: dict[str, str]


INCIDENTS = (
    Incident(
        True,
        Alert.TECHNICAL_PROBLEM,
        Alert.SIGNIFICANT_DELAYS,
        Alert.WARNING,
        {
            "en": "{}: delays of up to 10 minutes because of a signal failure",
            "es": "{}: retrasos de hasta 10 minutos por una avería de señales",
        },
    ),
    Incident(
        True,
        Alert.MEDICAL_EMERGENCY,
        Alert.SIGNIFICANT_DELAYS,
        Alert.WARNING,
        {
            "en": "{}: a rider was ill, trips run again and will be late for a while",
            "es": "{}: un pasajero se sintió mal, el servicio se normaliza con retrasos",
        },
    ),
    Incident(
        True,
        Alert.OTHER_CAUSE,
        Alert.OTHER_EFFECT,
        Alert.INFO,
        {
            "en": "{}: more riders than usual because of a game tonight",
            "es": "{}: más pasajeros de lo habitual por un partido esta noche",
        },
    ),
    Incident(
        False,
        Alert.MAINTENANCE,
        Alert.ACCESSIBILITY_ISSUE,
        Alert.INFO,
        {
            "en": "{}: the elevator is out of service",
            "es": "{}: el ascensor está fuera de servicio",
        },
    ),
    Incident(
        False,
        Alert.CONSTRUCTION,
        Alert.STOP_MOVED,
        Alert.INFO,
        {
            "en": "{}: use the other entrance while the stairs are repaired",
            "es": "{}: use la otra entrada durante la reparación de las escaleras",
        },
    ),
)


def alerts(timetable: Timetable, city: Chance, time: int) -> Iterator[FeedEntity]:
    """Those that are active at a time (POSIX seconds), the oldest first."""
    chance = city.about("alerts")
    routes = [timetable.routes[key] for key in sorted(timetable.routes)]
    stations = stations_of(timetable)
    for slot in range((time - LONGEST) // SLOT, time // SLOT + 1):
        begin = int(slot * SLOT + chance.between(f"{slot} begin", 0, SLOT))
        end = begin + int(chance.between(f"{slot} duration", SLOT, LONGEST - SLOT))
        if begin <= time < end and chance.happens(slot, OFTEN):
            incident = chance.choose(f"{slot} incident", INCIDENTS)
            if incident.of_route:
                route = chance.choose(f"{slot} route", routes)
                name, informed = route_name(route), [EntitySelector(route_id=route.route_id)]
            else:
                stop = chance.choose(f"{slot} stop", stations)
                name, informed = stop.name or stop.stop_id, at_stop(timetable, stop)
            yield FeedEntity(
                id=f"alert {slot}",
                alert=alert(incident, name, informed, TimeRange(start=begin, end=end)),
            )


def stations_of(timetable: Timetable) -> list[Stop]:
    """Stations; in a feed without any, its stops."""
    stops = sorted(timetable.stops.values(), key=lambda stop: stop.stop_id)
    return [s for s in stops if s.location_type == 1] or [s for s in stops if s.location_type == 0]


def at_stop(timetable: Timetable, stop: Stop) -> list[EntitySelector]:
    """A station and each of its platforms, for a consumer that knows only the stops of trips."""
    ids = (stop.stop_id, *timetable.children(stop.stop_id))
    return [EntitySelector(stop_id=stop_id) for stop_id in ids]


def route_name(route: Route) -> str:
    return route.short_name or route.long_name or route.route_id


def alert(
    incident: Incident, name: str, informed: Sequence[EntitySelector], period: TimeRange
) -> Alert:
    header = TranslatedString(
        translation=[
            TranslatedString.Translation(language=language, text=text.format(name))
            for language, text in incident.texts.items()
        ]
    )
    return Alert(
        active_period=[period],
        informed_entity=informed,
        cause=incident.cause,
        effect=incident.effect,
        severity_level=incident.severity,
        header_text=header,
    )
