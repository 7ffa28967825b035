"""Which run of which trip a TripUpdate speaks of, and the calls of that run; slow and obvious.

Written from rules 10 to 17 of GTFS-Realtime and docs/decisions; shares nothing with feeds/.
A run is a dictionary: `trip_id`, `service_date` and `start_time` as told to riders, `trip` (the row
of trips.txt or None), `calls`, `added`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from google.transit.gtfs_realtime_pb2 import TripDescriptor, TripUpdate

from tests.reference.prediction import (
    NO_DATA,
    SKIPPED,
    has_time,
    never_back,
    sequences_decrease,
    tell,
)
from tests.reference.schedule import Row, day_of, midnight, runs, seconds, start_times, time_of

HOUR = 3600
EXTRA = ("ADDED", "NEW")


def named(descriptor: TripDescriptor) -> str:
    return TripDescriptor.ScheduleRelationship.Name(descriptor.schedule_relationship)


def scheduled_runs(schedule: Row, days: list[date]) -> list[Row]:
    """Everything that the schedule says will run on these service days."""
    found = []
    for trip in schedule["trips"].values():
        for day in days:
            if runs(schedule, trip, day):
                if trip["frequencies"]:
                    found += [run_of(schedule, trip, day, start) for start in start_times(trip)]
                else:
                    found.append(run_of(schedule, trip, day, None))
    return found


def run_of(schedule: Row, trip: Row, day: date, start: int | None) -> Row:
    shift = 0 if start is None else start - trip["stop_times"][0]["departure"]
    zero = midnight(schedule, day) + shift
    calls = [
        {
            "sequence": row["sequence"],
            "stop_id": row["stop_id"],
            "headsign": row["headsign"],
            "pickup": row["pickup"],
            "drop_off": row["drop_off"],
            "scheduled_arrival": zero + row["arrival"],
            "scheduled_departure": zero + row["departure"],
            "status": "scheduled",
            "first": row is trip["stop_times"][0],
            "last": row is trip["stop_times"][-1],
        }
        for row in trip["stop_times"]
    ]
    return {
        "trip_id": trip["trip_id"],
        "route_id": trip["route_id"],
        "direction_id": trip.get("direction_id", ""),
        "service_date": f"{day:%Y%m%d}",
        "start_time": start,
        "trip": trip,
        "calls": calls,
        "added": False,
    }


def headways(schedule: Row, days: list[date]) -> Iterator[tuple[Row, Row, Row]]:
    """Calls of trips with exact_times=0, which have a headway instead of times."""
    for trip in schedule["trips"].values():
        for period in [row for row in trip["frequencies"] if row.get("exact_times") != "1"]:
            for day in days:
                if runs(schedule, trip, day):
                    yield from period_calls(run_of(schedule, trip, day, None), period)


def period_calls(run: Row, period: Row) -> Iterator[tuple[Row, Row, Row]]:
    begin = run["calls"][0]["scheduled_departure"]
    zero = begin - run["trip"]["stop_times"][0]["departure"]
    for call in run["calls"]:
        after = call["scheduled_arrival" if call["last"] else "scheduled_departure"] - begin
        yield (
            run,
            {**call, "scheduled_arrival": None, "scheduled_departure": None},
            {
                "headway": int(period["headway_secs"]),
                "start": zero + seconds(period["start_time"]) + after,
                "end": zero + seconds(period["end_time"]) + after,
            },
        )


def key(run: Row) -> tuple[Any, ...]:
    return (run["trip_id"], run["service_date"], run["start_time"], run["added"])


def resolve(schedule: Row, update: TripUpdate, days: list[date], now: int) -> Row | None:
    """The run that the update speaks of, as scheduled; None if there is not exactly one."""
    descriptor = update.trip
    if not descriptor.trip_id.strip():
        return by_route(schedule, descriptor, days)
    trip = schedule["trips"].get(descriptor.trip_id)
    if trip is None or not any(runs(schedule, trip, day) for day in days):
        return None
    if trip["frequencies"]:
        return frequency_run(schedule, trip, update, days, now)
    day = day_of(descriptor.start_date)
    if day is None:  # one that is malformed tells no more than none
        return nearest(schedule, trip, days, first_time(update) or now)
    if is_calendar_date(schedule, trip, day, update):
        day = day - timedelta(days=1)
    if day not in days or not runs(schedule, trip, day):
        return None
    # Rule 12: a start_time that is not the schedule's changes nothing, trip and day are known.
    return run_of(schedule, trip, day, None)


def first_time(update: TripUpdate) -> int:
    """The first absolute time that the update tells, 0 if there is none."""
    for said in update.stop_time_update:
        for event in (said.departure, said.arrival):
            if has_time(event):
                return int(event.time)
    return 0


def is_calendar_date(schedule: Row, trip: Row, day: date, update: TripUpdate) -> bool:
    """T13, F26: `day` is the date by the calendar of a trip that begins after midnight."""
    first, last = trip["stop_times"][0]["departure"], trip["stop_times"][-1]["arrival"]
    if last < 24 * HOUR or not runs(schedule, trip, day - timedelta(days=1)):
        return False
    start = time_of(update.trip.start_time)
    if start in (first, first - 24 * HOUR):
        return bool(start != first)
    for said in update.stop_time_update:
        told = next((e.time for e in (said.departure, said.arrival) if has_time(e)), 0)
        for call in trip["stop_times"]:
            if said.HasField("stop_sequence"):
                same = call["sequence"] == said.stop_sequence
            else:
                same = call["stop_id"] == said.stop_id
            if told and same:
                early = midnight(schedule, day) + call["departure"] - told
                return bool(early > 12 * HOUR and abs(early - 24 * HOUR) <= 6 * HOUR)
    return False


def by_route(schedule: Row, descriptor: TripDescriptor, days: list[date]) -> Row | None:
    """Rule 13; without a direction it is open."""
    day, start = day_of(descriptor.start_date), time_of(descriptor.start_time)
    if not descriptor.route_id or start is None or day not in days:
        return None
    found = [
        run
        for run in scheduled_runs(schedule, [day])
        if run["route_id"] == descriptor.route_id
        and run["start_time"] is None
        and (
            not descriptor.HasField("direction_id")
            or run["direction_id"] == str(descriptor.direction_id)
        )
        and run["trip"]["stop_times"][0]["departure"] == start
    ]
    return found[0] if len(found) == 1 else None


def nearest(
    schedule: Row, trip: Row, days: list[date], now: int, start: int | None = None
) -> Row | None:
    """Rule 10, without start_date: the run that is on its way now, else the nearest."""
    found = [run_of(schedule, trip, day, start) for day in days if runs(schedule, trip, day)]

    def away(run: Row) -> int:
        begin, end = run["calls"][0]["scheduled_departure"], run["calls"][-1]["scheduled_arrival"]
        return int(max(begin - now, now - end, 0))

    return min(found, key=away, default=None)


def frequency_run(
    schedule: Row, trip: Row, update: TripUpdate, days: list[date], now: int
) -> Row | None:
    """Rule 11; a start_date that is missing is that of the nearest run, as for any other trip."""
    descriptor = update.trip
    start = time_of(descriptor.start_time)
    if start is None:
        return None
    exact = any(row.get("exact_times") == "1" for row in trip["frequencies"])
    if exact and start not in start_times(trip):
        return None
    day = day_of(descriptor.start_date)
    if day is None:
        return nearest(schedule, trip, days, first_time(update) or now, start)
    if day not in days or not runs(schedule, trip, day):
        return None
    return run_of(schedule, trip, day, start)


def duplicated(schedule: Row, update: TripUpdate, days: list[date]) -> Row | None:
    """Rule 16, DUPLICATED: a copy of another trip, at another time."""
    trip = schedule["trips"].get(update.trip.trip_id)
    if trip is None or trip["frequencies"] or not any(runs(schedule, trip, day) for day in days):
        return None
    if update.trip_properties.trip_id:
        return named_copy(schedule, trip, update, days)
    return unnamed_copy(schedule, trip, update, days)


def named_copy(schedule: Row, trip: Row, update: TripUpdate, days: list[date]) -> Row | None:
    """Under an id of its own."""
    properties, descriptor = update.trip_properties, update.trip
    original = day_of(descriptor.start_date)
    if original in days and not runs(schedule, trip, original):
        return None  # a copy of nothing
    if time_of(descriptor.start_time) not in (None, starts(trip)):
        return None
    day, start = day_of(properties.start_date), time_of(properties.start_time)
    if day is None or start is None or properties.trip_id in schedule["trips"]:
        return None
    run = run_of(schedule, trip, day, start)
    return {**run, "trip_id": properties.trip_id, "added": True}


def unnamed_copy(schedule: Row, trip: Row, update: TripUpdate, days: list[date]) -> Row | None:
    """As Sound Transit did in 2023: another start is a copy, the trip's own is the trip itself."""
    day = day_of(update.trip.start_date)
    if day is None or day not in days or not runs(schedule, trip, day):
        return None
    start = time_of(update.trip.start_time)
    if start in (None, starts(trip)):
        return run_of(schedule, trip, day, None)
    run = run_of(schedule, trip, day, start)
    return {**run, "added": True} if update.stop_time_update else None


def starts(trip: Row) -> int:
    return int(trip["stop_times"][0]["departure"])


def unlisted(schedule: Row, update: TripUpdate) -> Row | None:
    """A trip that the schedule does not have, or whose calls it does not tell; None of no trip."""
    descriptor = update.trip
    if not descriptor.trip_id.strip():
        return None
    copy = descriptor.trip_id in schedule["trips"]
    return {
        "trip_id": descriptor.trip_id,
        "route_id": descriptor.route_id,
        "direction_id": str(descriptor.direction_id) if descriptor.HasField("direction_id") else "",
        "service_date": descriptor.start_date if day_of(descriptor.start_date) else None,
        "start_time": time_of(descriptor.start_time) if copy else None,
        "trip": None,
        "headsign": update.trip_properties.trip_headsign,
        "calls": [],
        "added": True,
    }


def listed_calls(schedule: Row, update: TripUpdate) -> list[Row] | None:
    """What the updates tell, as far as their stops are known (rule 16); None if that is nothing."""
    whole = named(update.trip) in ("NEW", "REPLACEMENT")
    if sequences_decrease(update) or (whole and any(map(only_late, update.stop_time_update))):
        return None
    listed = list(update.stop_time_update)
    if whole and listed and is_same(listed[0], listed[-1]):
        return None  # nobody could arrive or depart
    calls: list[Row] = []
    known: list[int] = []
    for said in listed:
        call = extra_call(said, schedule["stops"], has_schedule=named(update.trip) != "SCHEDULED")
        numbered = said.HasField("stop_sequence")
        if numbered and said.stop_sequence in known:
            continue  # rule 19: the first one counts
        silent = said.schedule_relationship in (SKIPPED, NO_DATA)
        if numbered and (call or (silent and stop_of(said, schedule["stops"]))):
            known.append(said.stop_sequence)  # of those that say something of a known stop
        if call is not None:
            call["first"] = whole and is_same(said, listed[0])
            call["last"] = is_same(said, listed[-1])
            calls.append(call)
    never_back(calls)
    return calls or None


def is_same(one: TripUpdate.StopTimeUpdate, other: TripUpdate.StopTimeUpdate) -> bool:
    """Whether both are of one call."""
    numbered = one.HasField("stop_sequence") and other.HasField("stop_sequence")
    return one is other or (numbered and one.stop_sequence == other.stop_sequence)


def stop_of(said: TripUpdate.StopTimeUpdate, stops: Row) -> str | None:
    """Rule 20; None for a stop that the schedule does not have."""
    for stop_id in (said.stop_time_properties.assigned_stop_id, said.stop_id):
        if stop_id in stops:
            return str(stop_id)
    return None


def only_late(said: TripUpdate.StopTimeUpdate) -> bool:
    """T4: a delay, and nothing that it is a delay against."""
    if said.schedule_relationship in (SKIPPED, NO_DATA):
        return False
    late = said.arrival.HasField("delay") or said.departure.HasField("delay")
    times = (has_time(said.arrival), has_time(said.departure))
    return late and not any((*times, said.arrival.scheduled_time, said.departure.scheduled_time))


def extra_call(
    said: TripUpdate.StopTimeUpdate, stops: Row, *, has_schedule: bool
) -> dict[str, Any] | None:
    """A call that stands on a board only at a known stop and at some time."""
    properties = said.stop_time_properties
    stop_id = stop_of(said, stops)
    if stop_id is None:
        return None
    planned = {"arrival": given_schedule(said, "arrival"), "departure": None}
    planned["departure"] = given_schedule(said, "departure") or planned["arrival"]
    planned["arrival"] = planned["arrival"] or planned["departure"]
    call: dict[str, Any] = {
        "sequence": said.stop_sequence if said.HasField("stop_sequence") else None,
        "stop_id": stop_id,
        "headsign": properties.stop_headsign,
        "pickup": properties.pickup_type,
        "drop_off": properties.drop_off_type,
        "scheduled_arrival": planned["arrival"] if has_schedule else None,
        "scheduled_departure": planned["departure"] if has_schedule else None,
        "arrival": None,
        "departure": None,
    }
    if said.schedule_relationship == NO_DATA:
        return {**call, "status": "no_data"} if call["scheduled_departure"] else None
    tell(call, said)
    uncertainty = call.pop("uncertainty", None)
    known = call["departure"] is not None
    if said.schedule_relationship == SKIPPED:  # it is told when it would have been
        if not call["scheduled_departure"]:
            if not known:
                return None
            call.update(scheduled_arrival=call["arrival"], scheduled_departure=call["departure"])
        return {**call, "status": "skipped", "arrival": None, "departure": None}
    if known:
        return {**call, "uncertainty": uncertainty}
    return {**call, "status": "scheduled"} if call["scheduled_departure"] else None


def given_schedule(said: TripUpdate.StopTimeUpdate, name: str) -> int | None:
    """Rule 25: with it a delay means something."""
    event = getattr(said, name)
    return int(event.scheduled_time) if event.scheduled_time else None
