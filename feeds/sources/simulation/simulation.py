"""The simulated agency: its three messages at any time."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable

from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader, FeedMessage

from feeds.sources.simulation.alerts import alerts
from feeds.sources.simulation.chance import Chance
from feeds.sources.simulation.entities import trip_update, vehicle_position
from feeds.sources.simulation.trips import PlannedTrip, SimulatedTrip, planned_trips, simulate
from feeds.timetable.timetable import Timetable

AHEAD = 1800  # seconds before its start that a trip is first predicted
READY = 300  # seconds before its start that a vehicle stands at the first stop
LATEST = 1800  # seconds after its scheduled end that any trip has ended
GONE = 60  # seconds after its last arrival that a trip leaves the messages
OBSERVED_EVERY = 20  # seconds between two reports of one vehicle

NAMES = ("trip-updates", "vehicle-positions", "alerts")

Say = Callable[[SimulatedTrip, int], FeedEntity | None]


class Simulation:
    """Makes `trip-updates`, `vehicle-positions` and `alerts` of a timetable, seed and time.

    A message stands for `interval` seconds. Each vehicle reports every 20 s, at moments of its own,
    so that between two messages most trips say the same, byte for byte; those are remembered, and
    the cost of a message follows the reports since the one before.
    """

    def __init__(self, timetable: Timetable, seed: int, interval: int) -> None:
        self.timetable = timetable
        self.interval = interval
        self.chance = Chance(str(seed))
        self.plans = planned_trips(timetable)
        self.starts = [plan.start for plan in self.plans]
        self.longest = max((plan.end - plan.start for plan in self.plans), default=0)
        self.simulated: dict[str, SimulatedTrip] = {}
        makers = (self.trip_updates, self.vehicle_positions, self.alerts)
        self.makers = dict(zip(NAMES, makers, strict=True))
        self.made: dict[str, tuple[int, bytes]] = {}
        self.reports: dict[str, dict[str, tuple[int, bytes]]] = {name: {} for name in self.makers}

    def message(self, name: str, time: float) -> bytes:
        """The binary FeedMessage that stands at a time (POSIX seconds)."""
        tick = int(time // self.interval * self.interval)
        made = self.made.get(name)
        if made is None or made[0] != tick:
            made = self.made[name] = (tick, self.makers[name](tick))
        return made[1]

    def trip_updates(self, tick: int) -> bytes:
        return self.report("trip-updates", tick, self.trips(tick), trip_update)

    def vehicle_positions(self, tick: int) -> bytes:
        def say(trip: SimulatedTrip, time: int) -> FeedEntity | None:
            return vehicle_position(trip, time, self.timetable.stops)

        trips = [t for t in self.trips(tick) if t.plan.start - READY <= tick and not t.canceled]
        return self.report("vehicle-positions", tick, trips, say)

    def alerts(self, tick: int) -> bytes:
        entities = list(alerts(self.timetable, self.chance, tick))
        return header(tick) + FeedMessage(entity=entities).SerializePartialToString()

    def trips(self, tick: int) -> list[SimulatedTrip]:
        """The trips that run, or begin soon enough to be predicted."""
        low = bisect_left(self.starts, tick - self.longest - LATEST)
        high = bisect_right(self.starts, tick + AHEAD)
        plans = [plan for plan in self.plans[low:high] if plan.end + LATEST > tick]
        self.simulated = {
            plan.instance: self.simulated.get(plan.instance) or self.simulate(plan)
            for plan in plans
        }
        return [trip for trip in self.simulated.values() if trip.actual[-1] + GONE > tick]

    def simulate(self, plan: PlannedTrip) -> SimulatedTrip:
        return simulate(plan, self.timetable.stop_times(plan.trip), self.chance)

    def report(self, name: str, tick: int, trips: Iterable[SimulatedTrip], say: Say) -> bytes:
        """One message of what each trip last reported."""
        before, now = self.reports[name], {}
        for trip in trips:
            time = last_report(trip, tick)
            known = before.get(trip.plan.instance)
            if known is None or known[0] != time:
                known = (time, serialized(say(trip, time)))
            now[trip.plan.instance] = known
        self.reports[name] = now
        return header(tick) + b"".join(entity for _, entity in now.values())


def last_report(trip: SimulatedTrip, tick: int) -> int:
    """The vehicle's own moment, the last one up to the tick."""
    phase = int(trip.chance.between("phase", 0, OBSERVED_EVERY))
    return tick - (tick - phase) % OBSERVED_EVERY


# Concatenated messages are their merge (protobuf encoding, "Last One Wins" and repeated fields),
# so that a FeedMessage can be put together from a header and entities serialised one by one.


def header(tick: int) -> bytes:
    head = FeedHeader(
        gtfs_realtime_version="2.0", incrementality=FeedHeader.FULL_DATASET, timestamp=tick
    )
    return FeedMessage(header=head).SerializeToString()


def serialized(entity: FeedEntity | None) -> bytes:
    return FeedMessage(entity=[entity]).SerializePartialToString() if entity else b""
