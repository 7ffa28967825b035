"""Schedules, clocks and messages made by hypothesis: awkward ones, near enough to now to be seen."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from google.transit.gtfs_realtime_pb2 import FeedMessage, TripDescriptor, TripUpdate
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.reference.schedule import day_of
from tests.timetables import message

# A schedule is read from its zip for each example, which no health check is to mind.
FEW = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=settings.default.max_examples // 4 if settings.default else 25,
)

# Days when clocks change, both ways: Santiago's at midnight, Lord Howe's by half an hour.
CHANGES = {
    "Europe/Berlin": ("2024-03-31", "2024-10-27"),
    "America/New_York": ("2024-03-10", "2024-11-03"),
    "Australia/Sydney": ("2024-04-07", "2024-10-06"),
    "America/Santiago": ("2024-04-07", "2024-09-08"),
    "Australia/Lord_Howe": ("2024-04-07", "2024-10-06"),
    "Asia/Kolkata": (),
}
PLATFORMS = {"a1": "A", "a2": "A", "b1": "B", "b2": "B", "c": "", "d": "", "e": ""}
SERVICES = ("daily", "weekend", "added", "removed")


class World(NamedTuple):
    """A schedule as CSV by file name, and when it is looked at (POSIX seconds)."""

    files: dict[str, str]
    day: date
    now: int
    trips: dict[str, list[dict[str, Any]]]
    frequent: dict[str, tuple[int, int, int, int]]
    zone: ZoneInfo


def clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    plain = date(2024, 5, 14)
    near = st.sampled_from([date.fromisoformat(d) for d in CHANGES[zone]] or [plain])
    day = draw(st.one_of(st.just(plain), near)) + timedelta(draw(st.integers(-1, 1)))
    second = draw(st.sampled_from([0, 600, 3600, 2 * 3600, 3 * 3600, 10 * 3600, 23 * 3600]))
    second += draw(st.integers(0, 1800))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    now = int(noon.timestamp()) - 43200 + second
    trips, frequent, services = {}, {}, {}
    for number in range(draw(st.integers(1, 4))):
        trip_id = f"t{number}"
        begin = second + draw(st.integers(-3600, 6000)) + draw(st.sampled_from([0, 0, 0, 86400]))
        trips[trip_id] = draw(calls(max(begin, 0)))
        services[trip_id] = draw(st.sampled_from(SERVICES))
        if draw(st.integers(0, 4)) == 0:
            start = max(0, second + draw(st.integers(-3600, 1800)))
            exact = draw(st.integers(0, 1))
            frequent[trip_id] = (start, start + draw(st.integers(600, 5400)), 900, exact)
    return World(
        files(zone, day, trips, services, frequent), day, now, trips, frequent, ZoneInfo(zone)
    )


@st.composite
def calls(draw: st.DrawFn, begin: int) -> list[dict[str, Any]]:
    length = draw(st.integers(2, 6))
    sequence, second, rows = draw(st.integers(0, 2)), begin, []
    measured = draw(st.booleans())
    for position in range(length):
        second += draw(st.integers(0, 900)) if position else 0
        dwell = draw(st.sampled_from([0, 0, 30, 120]))
        rows.append({
            "sequence": sequence,
            "stop_id": draw(st.sampled_from(sorted(PLATFORMS))),
            "arrival": second,
            "departure": second + dwell,
            "timed": position in (0, length - 1) or draw(st.integers(0, 4)) > 0,
            "distance": str(position * position) if measured else "",
            "headsign": draw(st.sampled_from(["", "", "Elsewhere"])),
            "pickup": draw(st.sampled_from(["", "0", "1", "3"])),
        })  # fmt: skip
        second += dwell
        sequence += draw(st.integers(1, 3))
    return rows


def files(
    zone: str,
    day: date,
    trips: dict[str, list[dict[str, Any]]],
    services: dict[str, str],
    frequent: dict[str, tuple[int, int, int, int]],
) -> dict[str, str]:
    stop_times = [
        ",".join([trip_id, str(c["sequence"]), c["stop_id"], *given_times(c), c["headsign"],
                  c["pickup"], c["distance"]])
        for trip_id, rows in trips.items()
        for c in rows
    ]  # fmt: skip
    periods = [
        f"{trip_id},{clock(begin)},{clock(end)},{headway},{exact}"
        for trip_id, (begin, end, headway, exact) in frequent.items()
    ]
    trip_rows = [f"{t},r{n % 2},{services[t]},{n % 2}" for n, t in enumerate(trips)]
    stops = [f"{stop_id},Stop {stop_id},0,{parent}" for stop_id, parent in PLATFORMS.items()]
    span = f"{day - timedelta(400):%Y%m%d},{day + timedelta(400):%Y%m%d}"
    return {
        "agency.txt": f"agency_name,agency_url,agency_timezone\nX,https://example.org,{zone}\n",
        "routes.txt": "route_id,route_short_name,route_type\nr0,0,3\nr1,1,3\n",
        "stops.txt": "stop_id,stop_name,location_type,parent_station\nA,Stop A,1,\nB,Stop B,1,\n"
        + "\n".join(stops),
        "trips.txt": "trip_id,route_id,service_id,direction_id\n" + "\n".join(trip_rows),
        "stop_times.txt": "trip_id,stop_sequence,stop_id,arrival_time,departure_time,"
        "stop_headsign,pickup_type,shape_dist_traveled\n" + "\n".join(stop_times),
        "frequencies.txt": "trip_id,start_time,end_time,headway_secs,exact_times\n"
        + "\n".join(periods),
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
        f"start_date,end_date\ndaily,1,1,1,1,1,1,1,{span}\nweekend,0,0,0,0,0,1,1,{span}\n"
        f"removed,1,1,1,1,1,1,1,{span}\n",
        "calendar_dates.txt": "service_id,date,exception_type\n"
        f"added,{day:%Y%m%d},1\nremoved,{day:%Y%m%d},2\n",
    }


def given_times(call: dict[str, Any]) -> tuple[str, str]:
    return (clock(call["arrival"]), clock(call["departure"])) if call["timed"] else ("", "")


# -- messages --------------------------------------------------------------------------------------

SECONDS = st.one_of(
    st.sampled_from([0, 0, 30, -30, 60, 300, -300, 3600, 5400]), st.integers(-900, 1800)
)
STOP_IDS = st.sampled_from([*sorted(PLATFORMS), "unknown"])


@st.composite
def messages(draw: st.DrawFn, world: World) -> bytes:
    """A FULL_DATASET message that speaks of the world's trips, truly or not."""
    return message(*draw(updates(world)))


@st.composite
def updates(draw: st.DrawFn, world: World) -> list[TripUpdate]:
    count = draw(st.integers(1, 4))
    return [draw(trip_updates(world)) for _ in range(count)]


RUNNING = [TripDescriptor.SCHEDULED] * 5 + [TripDescriptor.CANCELED, TripDescriptor.DELETED]
UNTIMED = [TripDescriptor.SCHEDULED, TripDescriptor.UNSCHEDULED]
WHOLE = [TripDescriptor.ADDED, TripDescriptor.NEW, TripDescriptor.REPLACEMENT]


@st.composite
def trip_updates(draw: st.DrawFn, world: World) -> TripUpdate:
    """Of a trip of the schedule, or one that is listed call by call."""
    kind = draw(st.sampled_from(["run", "run", "run", "listed", "copy", "route"]))
    if kind == "listed":
        return draw(listed(world))
    update, trip_id = TripUpdate(), draw(st.sampled_from(sorted(world.trips)))
    update.trip.trip_id = trip_id
    draw(descriptors(update, world))
    if kind == "copy" and trip_id not in world.frequent:
        copy = update.trip_properties
        copy.start_date = f"{world.day:%Y%m%d}"
        copy.start_time = clock(world.trips[trip_id][0]["departure"] + draw(st.integers(0, 3600)))
        copy.trip_id = f"copy of {trip_id} at {copy.start_time}"
        update.trip.schedule_relationship = TripDescriptor.DUPLICATED
    else:
        update.trip.schedule_relationship = draw(st.sampled_from(RUNNING))
    if draw(st.integers(0, 3)) == 0:
        update.delay = draw(SECONDS)
    if kind == "route":
        name_by_route(update, world, with_direction=draw(st.booleans()))
    rows = world.trips[trip_id]
    zero = midnight_of(world, update)
    for position in draw(positions(len(rows))):
        update.stop_time_update.append(draw(stop_time_updates(rows[position], zero)))
    return update


def name_by_route(update: TripUpdate, world: World, *, with_direction: bool) -> None:
    """Rule 13: instead of its id what else tells the trip."""
    trip_id = update.trip.trip_id
    number = sorted(world.trips).index(trip_id) % 2
    update.trip.ClearField("trip_id")
    update.trip.route_id = f"r{number}"
    update.trip.start_time = clock(world.trips[trip_id][0]["departure"])
    if with_direction:
        update.trip.direction_id = number


@st.composite
def descriptors(draw: st.DrawFn, update: TripUpdate, world: World) -> None:
    trip_id = update.trip.trip_id
    day = draw(st.sampled_from([None, 0, 0, 0, 0, -1, 1]))
    if trip_id in world.frequent:  # start_date and start_time are required (rule 11)
        begin, _, headway, _ = world.frequent[trip_id]
        update.trip.start_time = clock(begin + headway * draw(st.integers(0, 3)))
    elif draw(st.integers(0, 5)) == 0:
        update.trip.start_time = clock(world.trips[trip_id][0]["departure"])
    if day is not None:
        update.trip.start_date = f"{world.day + timedelta(day):%Y%m%d}"
    if draw(st.integers(0, 11)) == 0:
        update.trip.start_date = draw(st.sampled_from(["2024-05-14", "20241301", "today"]))
    if draw(st.integers(0, 2)) == 0:
        ahead = st.sampled_from([300, 301, world.now * 999])
        update.timestamp = world.now + draw(st.one_of(st.integers(-3, 0), ahead))


@st.composite
def listed(draw: st.DrawFn, world: World) -> TripUpdate:
    """A trip whose updates are all there is of it; sometimes under an id of the schedule."""
    update = TripUpdate()
    relationship = draw(st.sampled_from([*UNTIMED, *WHOLE]))
    known = [t for t in sorted(world.trips) if t not in world.frequent]
    update.trip.trip_id = draw(st.sampled_from(["x1", "x2", *known]))
    if relationship == TripDescriptor.REPLACEMENT and known:
        update.trip.trip_id = draw(st.sampled_from(known))
    elif update.trip.trip_id in known and relationship in UNTIMED:
        update.trip.trip_id = "x1"
    elif relationship == TripDescriptor.REPLACEMENT:
        relationship = TripDescriptor.NEW
    update.trip.schedule_relationship = relationship
    update.trip.route_id = draw(st.sampled_from(["r0", "r1"]))
    update.trip.start_date = f"{world.day:%Y%m%d}"
    moment, sequence = world.now + draw(st.integers(-1800, 7200)), 0
    for _ in range(draw(st.integers(0, 4))):
        moment += draw(st.integers(0, 600))
        sequence += draw(st.integers(1, 2))
        row: dict[str, Any] = {"sequence": sequence, "arrival": 0, "departure": 30}
        row["stop_id"] = draw(STOP_IDS)
        said = draw(stop_time_updates(row, moment))
        said.stop_id = row["stop_id"]
        if relationship not in UNTIMED and draw(st.booleans()):
            said.arrival.scheduled_time = moment
            said.departure.scheduled_time = moment + 30
        update.stop_time_update.append(said)
    return update


def midnight_of(world: World, update: TripUpdate) -> int:
    day = update.trip.start_date if day_of(update.trip.start_date) else ""
    found = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date() if day else world.day
    noon = datetime(found.year, found.month, found.day, 12, tzinfo=world.zone)
    return int(noon.timestamp()) - 43200


def positions(length: int) -> st.SearchStrategy[Sequence[int]]:
    """Which calls are spoken of: mostly in order and once, now and then not."""
    in_order = st.sets(st.integers(0, length - 1)).map(sorted)
    return st.one_of(in_order, in_order, in_order, st.lists(st.integers(0, length - 1), max_size=4))


@st.composite
def stop_time_updates(draw: st.DrawFn, row: dict[str, Any], zero: int) -> TripUpdate.StopTimeUpdate:
    update = TripUpdate.StopTimeUpdate()
    named = draw(st.sampled_from(["sequence", "sequence", "stop_id", "both", "other", "neither"]))
    if named in ("sequence", "both"):
        update.stop_sequence = row["sequence"]
    if named in ("stop_id", "both"):
        update.stop_id = row["stop_id"]
    if named == "other":
        if draw(st.booleans()):
            update.stop_sequence = row["sequence"] + draw(st.integers(0, 1))
        update.stop_id = draw(STOP_IDS)
    update.schedule_relationship = draw(
        st.sampled_from([
            TripUpdate.StopTimeUpdate.SCHEDULED, TripUpdate.StopTimeUpdate.SCHEDULED,
            TripUpdate.StopTimeUpdate.SCHEDULED, TripUpdate.StopTimeUpdate.SKIPPED,
            TripUpdate.StopTimeUpdate.NO_DATA,
        ])
    )  # fmt: skip
    for name in ("arrival", "departure"):
        if draw(st.integers(0, 2)):
            draw(events(getattr(update, name), zero + row[name]))
    if draw(st.integers(0, 7)) == 0:
        update.stop_time_properties.assigned_stop_id = draw(STOP_IDS)
    return update


@st.composite
def events(draw: st.DrawFn, event: TripUpdate.StopTimeEvent, scheduled: int) -> None:
    kinds = ("time", "delay", "both", "contradiction", "zero", "milliseconds", "empty")
    kind, late = draw(st.sampled_from(kinds)), draw(SECONDS)
    event.SetInParent()
    if kind in ("time", "both", "contradiction"):
        event.time = scheduled + late
    if kind in ("delay", "both"):
        event.delay = late
    if kind == "contradiction":
        event.delay = draw(SECONDS)
    if kind == "zero":
        event.time = 0
    if kind == "milliseconds":
        event.time = (scheduled + late) * 1000
    if draw(st.integers(0, 5)) == 0:
        event.uncertainty = draw(st.integers(0, 300))


def parsed(data: bytes) -> FeedMessage:
    return FeedMessage.FromString(data)
