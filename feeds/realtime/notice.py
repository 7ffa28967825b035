"""One alert: what it says, about what, and when."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.transit import gtfs_realtime_pb2
from google.transit.gtfs_realtime_pb2 import TranslatedString

from feeds.realtime.decode import Note
from feeds.realtime.informed_entity import InformedEntity
from feeds.realtime.window import edge, enters
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Alert

PERIODS = 10  # told at most: some feeds write out every night of a year
_ID_BYTES = 6

_ENDLESS = float("inf")

Period = tuple[float, float]
"""From (-inf: always) and until (inf: for good), POSIX seconds."""


class Notice(NamedTuple):
    """An alert as riders get it, `told` without its periods. `entities`: any of them (rule 42)."""

    alert_id: str
    told: Alert
    entities: frozenset[InformedEntity]
    periods: tuple[Period, ...]

    def listed(self, now: int) -> bool:
        """Whether it is active, or will be within the window."""
        return any(begin < edge(now) and now < end for begin, end in self.periods)

    def changes(self, now: int) -> float:
        """When it is listed or told otherwise than at `now`; inf: never."""
        moments = (
            moment
            for begin, end in self.periods
            for moment in (enters(int(begin)) if begin > 0 else 0, end)
            if now < moment
        )
        return min(moments, default=_ENDLESS)

    def begin(self, now: int) -> float:
        """When the present period began, or the next one will."""
        return min((begin for begin, end in self.periods if now < end), default=_ENDLESS)

    def describe(self, now: int) -> Alert:
        """With the next periods that are not over."""
        periods = [period for period in self.periods if now < period[1]][:PERIODS]
        if any(period != (-_ENDLESS, _ENDLESS) for period in periods):
            shown = [[_told(begin), _told(end)] for begin, end in periods]
            return {**self.told, "active_periods": shown}
        return self.told


def read_notice(alert: gtfs_realtime_pb2.Alert, timetable: Timetable, note: Note) -> Notice:
    """The alert of a message; what it is about is noted where nothing is.

    Its id is a digest of all that it says, its periods aside: entity ids are for incrementality
    only (rule 3), so that neither their renumbering nor their order changes a board.
    """
    told = _describe(alert)
    read = {InformedEntity.read(each) for each in alert.informed_entity}
    entities = frozenset(entity for entity in read if entity)
    if not entities or None in read:
        note("alert_entity_empty", _excerpt(told))  # validator E032, E033
    if routes := sorted(set(_routes(entities, timetable))):
        told["routes"] = [f"{timetable.feed_id}:{route_id}" for route_id in routes]
    said = json.dumps([told, sorted(map(str, entities))], sort_keys=True)
    digest = urlsafe_b64encode(blake2b(said.encode(), digest_size=_ID_BYTES).digest()).decode()
    return Notice(f"{timetable.feed_id}:{digest}", told, entities, _periods(alert))


def _periods(alert: gtfs_realtime_pb2.Alert) -> tuple[Period, ...]:
    periods = {(p.start or -_ENDLESS, p.end or _ENDLESS) for p in alert.active_period}
    return tuple(sorted(periods)) or ((-_ENDLESS, _ENDLESS),)


def _told(moment: float) -> int | None:
    return None if moment in (-_ENDLESS, _ENDLESS) else int(moment)


def _describe(alert: gtfs_realtime_pb2.Alert) -> Alert:
    told: Alert = {}
    if texts := _texts(alert.header_text):
        told["header"] = texts
    if texts := _texts(alert.description_text):
        told["description"] = texts
    if texts := _texts(alert.url):
        told["url"] = texts
    if name := _name(gtfs_realtime_pb2.Alert.Cause, alert.cause):
        told["cause"] = name
    if name := _name(gtfs_realtime_pb2.Alert.Effect, alert.effect):
        told["effect"] = name
    if name := _name(gtfs_realtime_pb2.Alert.SeverityLevel, alert.severity_level):
        told["severity"] = name
    return told


def _texts(translated: TranslatedString) -> dict[str, str]:
    texts: dict[str, str] = {}
    for each in translated.translation:
        if each.text:
            texts.setdefault(each.language, each.text)
    return texts


def _name(enum: EnumTypeWrapper, value: int) -> str | None:
    name = enum.Name(value).lower()
    return None if name.startswith("unknown_") else name


def _routes(entities: Iterable[InformedEntity], timetable: Timetable) -> Iterable[str]:
    """The routes that are named, or whose trips are."""
    for entity in entities:
        trip = timetable.trips.get(entity.trip_id or "")
        route_id = entity.route_id or (trip.route_id if trip else None)
        if route_id in timetable.routes:
            yield route_id


def _excerpt(told: Alert) -> str:
    return next(iter(told.get("header", {"": "alert without header"}).values()))[:80]
