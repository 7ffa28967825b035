"""Where the vehicles of a feed are: the VehiclePositions of all its endpoints, joined with trips.

A vehicle makes no predictions (rule 41). It tells how many stops away it is, that it has left a
stop behind, and that it has not left it yet, whatever the clock says.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable

from google.transit.gtfs_realtime_pb2 import FeedEntity, TripUpdate, VehiclePosition

from feeds.realtime.decode import FUTURE, Message, Note
from feeds.realtime.progress import (
    PASSED,
    Progress,
    Visit,
    Waypoint,
    run_waypoints,
    scheduled_waypoints,
    stops_away,
    when_passed,
)
from feeds.realtime.sighting import Sighting, is_usable
from feeds.realtime.sightings import Sightings
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trip_updates import Run
from feeds.realtime.trips import match
from feeds.timetable.timetable import Timetable

FRESH = 90  # seconds (GTFS-Realtime best practices); then it only counts that a stop was passed

_NONE: frozenset[str] = frozenset()

Met = dict[str, set[Visit]]
"""By run key, the visits where its vehicle makes another difference than before."""


class Vehicles:
    """The vehicles by run key. `runs` is `TripUpdates.runs`. Pure: time is an argument."""

    def __init__(self, timetable: Timetable, runs: dict[str, Run]) -> None:
        self.timetable = timetable
        self.progress: dict[str, Progress] = {}
        self._runs = runs
        self._sightings = Sightings()
        self._vehicle_of_run: dict[str, str] = {}
        self._runs_of_vehicle: dict[str, set[str]] = defaultdict(set)
        self._named: dict[bytes, tuple[str, TripInstance | None]] = {}
        self._scheduled: dict[str, TripInstance] = {}
        self._due: list[tuple[int, str]] = []
        self._expires: dict[str, int] = {}  # by run key, what `_due` has

    # -- what was heard --------------------------------------------------------------------------

    def apply(self, endpoint: int, message: Message, now: float, note: Note) -> Met:
        """Take what a poll of an endpoint changed."""
        self._sightings.hear(endpoint, int(message.header.timestamp or now))
        removed = self._sightings.remove((endpoint, raw) for raw in message.removed)
        changed = self._concerned(removed)
        for raw, entity in message.added:
            if entity.HasField("vehicle"):
                changed |= self._add(endpoint, raw, entity, now, note)
        return self._settle(changed, note)

    def follow(self, changed: Collection[str]) -> Met:
        """These runs are not what they were."""
        for key in changed:
            run = self._runs.get(key)
            if before := self._vehicle_of_run.pop(key, ""):
                self._runs_of_vehicle[before].discard(key)
            if run and run.calls and run.vehicle_id:
                self._vehicle_of_run[key] = run.vehicle_id
                self._runs_of_vehicle[run.vehicle_id].add(key)
        return self._settle(changed)

    def withdraw(self, endpoint: int) -> Met:
        """Forget what an endpoint said: it is too old."""
        return self._settle(self._concerned(self._sightings.remove_said_by(endpoint)))

    def withdraw_older(self, endpoint: int, moment: float, note: Note) -> Met:
        """Forget sightings of an endpoint from before `moment` (rule 6)."""
        old = self._sightings.remove_older(endpoint, moment)
        for each in old:
            note("vehicle_expired", each.vehicle_id or "vehicle without id")
        return self._settle(self._concerned(old))

    def due(self, now: int) -> Met:
        """Vehicles that have not been seen for too long."""
        met: Met = {}
        while self._due and self._due[0][0] < now:
            moment, key = heapq.heappop(self._due)
            if self._expires.get(key) != moment:  # it was seen with an older time since
                continue
            del self._expires[key]
            progress = self.progress.get(key)
            if progress and self._sightings.time(progress.sighting) + FRESH >= now:
                self._expect(key, progress)
            elif progress:
                met[key] = progress.near
        return met

    def _expect(self, key: str, progress: Progress) -> bool:
        """Let `due` look at a vehicle when it will not have been seen for too long.

        It may be earlier than it was: agencies take sightings back. Whether it was not expected.
        """
        moment, known = self._sightings.time(progress.sighting) + FRESH, self._expires.get(key)
        if known is None or moment < known:
            self._expires[key] = moment
            heapq.heappush(self._due, (moment, key))
        return known is None

    def evidence(self, key: str, now: int) -> tuple[int, Sighting, int | None] | None:
        """Of the arrival of that key: how many stops away its vehicle is, or PASSED and by when.

        None where nobody knows.
        """
        run, _, visit = key.partition(".")
        progress = self.progress.get(run)
        if progress is None or (away := progress.away.get(visit)) is None:
            return None
        if away[0] != PASSED and self._sightings.time(progress.sighting) + FRESH < now:
            return None
        return away[0], progress.sighting, progress.passed.get(visit)

    def _add(
        self, endpoint: int, raw: bytes, entity: FeedEntity, now: float, note: Note
    ) -> set[str]:
        position = entity.vehicle
        if position.timestamp > now + FUTURE:
            note("vehicle_ahead", f"{position.vehicle.id}: timestamp {position.timestamp}")
            return set()
        if position.HasField("position") and not is_usable(position.position):
            note("vehicle_off_globe", _named(position))
        run = self._run_key(position, now, note)
        if not run and not position.vehicle.id:
            note("vehicle_without_trip", entity.id)
            return set()
        sighting = Sighting(endpoint, raw, int(now), run, position)
        self._sightings.add(sighting)
        return self._concerned([sighting])

    def _concerned(self, sightings: Iterable[Sighting]) -> set[str]:
        """The runs that these vehicles are on."""
        runs: set[str] = set()
        for each in sightings:
            if self._is_known(each.run):
                runs.add(each.run)
            else:
                runs |= self._runs_of_vehicle.get(each.vehicle_id, _NONE)
        return runs

    def _is_known(self, run: str) -> bool:
        return run in self._runs or run in self._scheduled

    # -- which trip it is on ---------------------------------------------------------------------

    def _run_key(self, position: VehiclePosition, now: float, note: Note) -> str:
        if not position.HasField("trip"):
            return ""
        raw = position.trip.SerializeToString()
        if raw not in self._named:  # the same for as long as it is on that trip
            instance = match(TripUpdate(trip=position.trip), self.timetable, now, _unheard)
            self._named[raw] = instance.key(self.timetable.feed_id) if instance else "", instance
            if instance is None and position.trip.trip_id and position.vehicle.id:
                note("vehicle_trip_unmatched", _named(position))
        key, instance = self._named[raw]
        if instance is not None and instance.trip is not None:
            self._scheduled[key] = instance
        return key

    def _newest(self, key: str) -> Sighting | None:
        """By the trip that the vehicle names; else by the vehicle that the trip names."""
        candidates = self._sightings.of_run(key)
        vehicle = self._vehicle_of_run.get(key, "")
        if not candidates and vehicle:
            candidates = [
                each
                for each in self._sightings.of_vehicle(vehicle)
                if not self._is_known(each.run)
                and self._is_on(key, vehicle, self._sightings.time(each))
            ]
        return self._sightings.newest(candidates)

    def _is_on(self, key: str, vehicle: str, moment: int) -> bool:
        """Of the runs that name the vehicle (rule 15: a block), the first that is not over."""
        runs = [self._runs[each] for each in self._runs_of_vehicle[vehicle]]
        spans = sorted((run.calls[0].time or 0, run.calls[-1].time or 0, run.key) for run in runs)
        return key == next((run for _, end, run in spans if end >= moment), spans[-1][-1])

    # -- how far it has come ---------------------------------------------------------------------

    def _settle(self, changed: Iterable[str], note: Note | None = None) -> Met:
        """Place the vehicles of these runs anew; `note` counts those that are not on their way."""
        met: Met = {}
        for key in changed:
            before = self.progress.pop(key, None)
            sighting = self._newest(key)
            after = self._progress(key, sighting, before, note) if sighting else None
            if after is None:
                self._scheduled.pop(key, None) if not self._sightings.of_run(key) else None
            else:
                self.progress[key] = after
            met[key] = _changed(before, after)
            if after and self._expect(key, after):
                met[key] |= after.near
        return met

    def _progress(
        self, key: str, sighting: Sighting, before: Progress | None, note: Note | None
    ) -> Progress | None:
        run, place = self._runs.get(key), sighting.place
        if before and before.run is run and before.sighting.place == place:
            return before._replace(sighting=sighting)
        way, moment = self._way(key, run), self._sightings.time(sighting)
        away = stops_away(way, place, moment)
        if away is None:
            if note and way and place[:2] != (None, ""):
                note("vehicle_off_trip", _named(sighting.position))
            return None
        passed = when_passed(away, min(moment, sighting.heard), before)  # no clock ahead of ours
        return Progress(sighting, run, away, passed)

    def _way(self, key: str, run: Run | None) -> list[Waypoint]:
        if run is not None:
            return run_waypoints(run)
        instance = self._scheduled.get(key)
        return scheduled_waypoints(instance, self.timetable) if instance else []


def _changed(before: Progress | None, after: Progress | None) -> set[Visit]:
    """Where the vehicle makes another difference than before, its position aside."""
    old, new = before.away if before else {}, after.away if after else {}
    touched: set[Visit] = set()
    if old is not new:
        touched.update((visit, at[1]) for visit, at in new.items() if old.get(visit) != at)
        touched.update((visit, at[1]) for visit, at in old.items() if new.get(visit) != at)
    if before and after and _shown(before.sighting) != _shown(after.sighting):
        touched |= after.near
    return touched


def _shown(sighting: Sighting) -> tuple[str, str | None, str | None]:
    return sighting.vehicle_id, sighting.occupancy, sighting.status


def _named(position: VehiclePosition) -> str:
    """For a note: the vehicle, and where it says that it is."""
    trip, stop = position.trip.trip_id or "none", position.stop_id or "none"
    return f"{position.vehicle.id or 'vehicle without id'}: trip {trip}, stop_id {stop}"


def _unheard(kind: str, example: str) -> None:
    """What is wrong with a trip is counted where its TripUpdate says it."""
