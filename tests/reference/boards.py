"""Every stop's board from a schedule and messages, at one moment; slow and obvious.

Written from the rules of GTFS-Realtime and docs/protocol.md; shares nothing with feeds/.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any
from zlib import crc32

from google.transit.gtfs_realtime_pb2 import FeedMessage, TripUpdate

from tests.reference import trips
from tests.reference.nyct import replaced
from tests.reference.prediction import predict, predict_by_time
from tests.reference.schedule import Row, start_times

BOARDING = ("", "none", "phone_agency", "coordinate_with_driver")
PAST, STEP, AHEAD, MOST = 120, 300, 7200, 100


def boards(
    schedule: Row, messages: list[bytes], now: int, days: list[date]
) -> dict[str, list[Row]]:
    """By stop_id what is shown there, in the order of time. `days`: the service days that count."""
    found: dict[str, list[Row]] = {stop_id: [] for stop_id in schedule["stops"]}
    to_come = set()
    for run in all_runs(schedule, messages, now, days):
        for call in run["calls"]:
            moment = effective(call)
            end = edge(schedule, call["stop_id"], now)
            if moment is None or call.get("hidden") or not now - PAST <= moment < end:
                continue
            if moment >= now:
                to_come.add((run["trip_id"], run["service_date"], call["stop_id"]))
            for stop_id in places(schedule, call):
                found[stop_id].append(told(schedule, run, call, stop_id, now))
    for run, call, headway in trips.headways(schedule, days):
        here = (run["trip_id"], run["service_date"], call["stop_id"])
        if (
            headway["start"] < edge(schedule, call["stop_id"], now)
            and now < headway["end"]
            and here not in to_come
        ):
            for stop_id in places(schedule, call):
                found[stop_id].append({**told(schedule, run, call, stop_id, now), **headway})
    return {stop_id: sorted(arrivals, key=moment_of)[:MOST] for stop_id, arrivals in found.items()}


def edge(schedule: Row, stop_id: str, now: int) -> int:
    """How far a board looks: in steps, which stations take at one of ten moments (decision 14)."""
    station = schedule["stops"].get(stop_id, {}).get("parent_station") or stop_id
    later = crc32(station.encode()) % 10 * 30
    return (now - later) // STEP * STEP + later + AHEAD


def remembered(before: list[Row], arrivals: list[Row], now: int) -> list[Row]:
    """With the departed ones of the board before that nothing new is told of (rule 28)."""
    told = {visit(arrival): arrival for arrival in arrivals}
    for arrival in before:
        known = told.get(visit(arrival))
        stays = arrival["status"] == "departed" and moment_of(arrival) >= now - PAST
        if known is not None:
            # When it did is not said any more, or no word of it; it does not come back as scheduled.
            silent = not {"arrival", "departure"} & known.keys()
            quiet = known["status"] in ("scheduled", "no_data", "departed") and silent
            latest = max(moment_of(arrival), moment_of(known))
            stays = arrival["status"] == "departed" and quiet and latest >= now - PAST
        if stays:
            told[visit(arrival)] = arrival
    return list(told.values())


def visit(arrival: Row) -> tuple[Any, ...]:
    """Which call of which run it is."""
    names = ("trip_id", "service_date", "start_time", "added", "start", "stop_sequence", "stop_id")
    return tuple(arrival.get(name) for name in names)


def moment_of(arrival: Row) -> int:
    """What a board is sorted by."""
    names = ("departure", "arrival", "scheduled_departure", "scheduled_arrival", "start")
    return int(next(arrival[name] for name in names if name in arrival))


def places(schedule: Row, call: Row) -> set[str]:
    """The stop of a call, and the station that it belongs to."""
    station = schedule["stops"][call["stop_id"]].get("parent_station", "")
    return {stop_id for stop_id in (call["stop_id"], station) if stop_id in schedule["stops"]}


def all_runs(schedule: Row, messages: list[bytes], now: int, days: list[date]) -> Iterator[Row]:
    by_key: dict[Any, Row] = {trips.key(r): r for r in trips.scheduled_runs(schedule, days)}
    spoken: dict[Any, list[tuple[tuple[bool, int, bytes], Row, TripUpdate]]] = {}
    for update in updates(messages):
        run = subject(schedule, update, days, now)
        if run is None:
            continue
        # Rule 16: ADDED may stand beside the same trip in the newer style, which then counts.
        style = trips.named(update.trip) != "ADDED"
        # What is dated in the future, milliseconds too, tells no time.
        dated = update.timestamp if update.timestamp <= now + 300 else 0
        said = ((style, dated, update.SerializeToString()), run, update)
        spoken.setdefault(trips.key(run), []).append(said)
    hide_replaced(by_key, spoken, replaced(messages))
    for key, each in spoken.items():
        for _, run, update in sorted(each, key=lambda said: said[0], reverse=True):
            after = as_told(schedule, run, update)
            if after is not None:  # else it cannot be used: the next one counts
                by_key[key] = after
                break
    yield from by_key.values()


def hide_replaced(
    by_key: dict[Any, Row], spoken: dict[Any, Any], routes: dict[str, tuple[int, int]]
) -> None:
    """What is only scheduled does not stand beside trains that it cannot be told from."""
    for key, run in by_key.items():
        if run["route_id"] in routes and key not in spoken:
            begin, end = routes[run["route_id"]]
            begins = run["calls"][0]["scheduled_departure"]
            for call in run["calls"]:
                call["hidden"] = begin <= begins < end


def updates(messages: list[bytes]) -> Iterator[TripUpdate]:
    for message in messages:
        for entity in FeedMessage.FromString(message).entity:
            if entity.HasField("trip_update") and not entity.is_deleted:
                yield entity.trip_update


def subject(schedule: Row, update: TripUpdate, days: list[date], now: int) -> Row | None:
    """The run that an update is about."""
    relationship = trips.named(update.trip)
    trip_id = update.trip.trip_id
    if relationship == "DUPLICATED":
        return trips.duplicated(schedule, update, days)
    if relationship == "NEW" and trip_id in schedule["trips"]:
        return None  # T3
    known = trips.resolve(schedule, update, days, now)
    if relationship in trips.EXTRA:
        return trips.unlisted(schedule, update)
    untimed = relationship in ("SCHEDULED", "UNSCHEDULED")
    if known is None and untimed and trip_id not in schedule["trips"]:
        return trips.unlisted(schedule, update)
    return known


def as_told(schedule: Row, run: Row, update: TripUpdate) -> Row | None:
    """The run after its update; None if the update cannot be used."""
    relationship = trips.named(update.trip)
    if run["trip"] and run["trip"]["frequencies"] and not start_times(run["trip"]):
        if relationship in ("CANCELED", "DELETED"):
            return {**run, "calls": []}  # it is meant, though there was nothing to call off
        timed = predict_by_time(run["calls"], update, schedule["stops"])
        usable = timed and relationship in ("SCHEDULED", "UNSCHEDULED")
        return {**run, "calls": timed} if usable else None
    if relationship == "DELETED":
        return {**run, "calls": []}
    if relationship == "CANCELED":
        return {**run, "calls": [{**call, "status": "canceled"} for call in run["calls"]]}
    if run["trip"] is None or relationship == "REPLACEMENT":
        calls = trips.listed_calls(schedule, update)
    else:
        calls = predict(run["calls"], update, schedule["stops"])
    return None if calls is None else {**run, "calls": calls}


def effective(call: Row) -> int | None:
    for name in ("departure", "arrival", "scheduled_departure", "scheduled_arrival"):
        ends_here = call.get("last") and name.endswith("departure")
        begins_here = call.get("first") and name.endswith("arrival")
        if call.get(name) is not None and not ends_here and not begins_here:
            return int(call[name])
    return None


def told(schedule: Row, run: Row, call: Row, stop_id: str, now: int) -> Row:
    """As docs/protocol.md has it; nothing where nothing is known."""
    moment = effective(call)
    end = run["calls"][-1]
    over = end.get("last") and end.get("arrival") is not None and end["arrival"] < now  # rule 28
    past = over or (moment is not None and moment < now)
    departed = past and call["status"] not in ("canceled", "skipped")
    trip = run["trip"] or {}
    last = schedule["stops"][run["calls"][-1]["stop_id"]]
    arrival: Row = {
        "trip_id": run["trip_id"],
        "service_date": run["service_date"],
        "start_time": None if run["start_time"] is None else clock(run["start_time"]),
        "route_id": run["route_id"] and f"feed:{run['route_id']}",
        "direction_id": int(run["direction_id"]) if run["direction_id"] else None,
        "headsign": call["headsign"]
        or run.get("headsign")
        or trip.get("trip_headsign")
        or last["stop_name"],
        "stop_sequence": call["sequence"],
        "stop_id": call["stop_id"] if call["stop_id"] != stop_id else None,
        "status": "departed" if departed else call["status"],
        "added": run["added"] or None,
        "first": call.get("first") or None,
        "last": call.get("last") or None,
        "pickup": BOARDING[call["pickup"]],
        "drop_off": BOARDING[call["drop_off"]],
        "uncertainty": call.get("uncertainty"),
        "scheduled_arrival": None if call.get("first") else call["scheduled_arrival"],
        "scheduled_departure": None if call.get("last") else call["scheduled_departure"],
        "arrival": None if call.get("first") else call.get("arrival"),
        "departure": None if call.get("last") else call.get("departure"),
    }
    arrival["delay"] = delay(arrival)
    return {name: value for name, value in arrival.items() if value not in (None, "")}


def delay(arrival: Row) -> int | None:
    for name in ("departure", "arrival"):
        if arrival[name] is not None and arrival[f"scheduled_{name}"] is not None:
            return int(arrival[name] - arrival[f"scheduled_{name}"])
    return None


def clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
