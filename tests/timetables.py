"""Timetables and messages in a few words, for tests of what is made of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from google.protobuf import json_format
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripUpdate
from numpy.typing import NDArray

from feeds.timetable.entities import Agency, Frequency, Route, Stop, Trip
from feeds.timetable.stop_times import COLUMNS, StopTimes
from feeds.timetable.timetable import Timetable
from feeds.timetable.trip_ids import TripIds

DAY = date(2024, 5, 14)
ZONE = ZoneInfo("Europe/Berlin")

Row = tuple[int, str, str, str]
"""stop_sequence, stop_id, arrival, departure (HH:MM:SS)."""


def stop_time_columns(
    rows: Sequence[tuple[int, ...]],
) -> dict[str, NDArray[np.signedinteger]]:
    """What `StopTimes` takes, of rows in the order of `COLUMNS`."""
    table = np.array(rows, np.int32).reshape(len(rows), len(COLUMNS))
    return {name: table[:, place].copy() for place, name in enumerate(COLUMNS)}


def seconds(text: str) -> int:
    hours, minutes, rest = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + rest


def posix(text: str, day: date = DAY, zone: ZoneInfo = ZONE) -> int:
    """A local HH:MM:SS, 24:00:00 and later too, on a day without a change of clocks."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) + seconds(text)


def stop(stop_id: str, parent: str | None = None, location_type: int = 0) -> Stop:
    name = f"Stop {stop_id}"
    return Stop(stop_id, name, None, location_type, None, parent, 1.0, 2.0, None, None)


def make_timetable(
    trips: Mapping[str, Sequence[Row]],
    *,
    stops: Iterable[Stop] = (),
    days: Sequence[date] = (DAY - timedelta(1), DAY, DAY + timedelta(1)),
    running: Mapping[str, Sequence[date]] | None = None,
    frequencies: Mapping[str, tuple[Frequency, ...]] | None = None,
    zone: ZoneInfo = ZONE,
    others: Iterable[str] = (),
) -> Timetable:
    """Trips of route `r` that run every day, or on the days that `running` says.

    `others` are trip_ids of the version that run on none of `days`.
    """
    known = {each.stop_id: each for each in stops}
    for rows in trips.values():
        for row in rows:
            known.setdefault(row[1], stop(row[1]))
    names = list(known)
    records: list[tuple[int, ...]] = []
    entities: list[Trip] = []
    for number, (trip_id, rows) in enumerate(trips.items()):
        first = len(records)
        records += [(s, names.index(i), seconds(a), seconds(d), -1, 0, 0) for s, i, a, d in rows]
        entities.append(
            Trip(
                trip_id, "r", None, None, 0, None, None, number, first, len(records),
                (frequencies or {}).get(trip_id, ()),
            )
        )  # fmt: skip
    days_of = {trip_id: (running or {}).get(trip_id, days) for trip_id in trips}
    return Timetable(
        feed_id="f",
        version=1,
        feed_version=None,
        timezone=zone,
        agencies={"a": Agency("a", "Agency", "https://example.org", zone.key, None, None)},
        attributions=(),
        stops=known,
        routes={"r": Route("r", "a", "7", None, None, None, 3)},
        trips=entities,
        stop_times=StopTimes(stop_time_columns(records), names, []),
        running={day: bytes(day in days_of[t] for t in trips) for day in days},
        trip_ids=TripIds([*trips, *others]),
    )


def trip_update(trip_id: str, *updates: Mapping[str, Any], **trip: Any) -> TripUpdate:
    """A TripUpdate; stop time updates as in JSON, a time as local HH:MM:SS."""
    message = TripUpdate()
    json_format.ParseDict(
        {"trip": {"trip_id": trip_id, **trip}, "stop_time_update": [_update(u) for u in updates]},
        message,
    )
    return message


def _update(update: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(update)
    for event in ("arrival", "departure"):
        if isinstance(told.get(event), str):
            told[event] = {"time": posix(told[event])}
        elif isinstance(told.get(event), int):
            told[event] = {"delay": told[event]}
    return told


def message(*updates: TripUpdate, timestamp: int | None = None) -> bytes:
    """A FULL_DATASET message of these updates, entity ids counted up."""
    feed = FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    if timestamp is not None:
        feed.header.timestamp = timestamp
    for number, update in enumerate(updates):
        entity = feed.entity.add()
        entity.id = str(number)
        entity.trip_update.CopyFrom(update)
    return feed.SerializeToString()


def utc(moment: int) -> str:
    """For messages of failed assertions."""
    return datetime.fromtimestamp(moment, UTC).isoformat()
