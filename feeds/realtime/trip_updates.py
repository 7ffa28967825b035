"""What realtime says of every trip of a feed: the TripUpdates of all its endpoints, joined."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import FeedEntity, TripDescriptor, TripUpdate

from feeds.realtime.calls import Call
from feeds.realtime.decode import FUTURE, Message, Note, Origin
from feeds.realtime.modifications import Modification, Modifications
from feeds.realtime.predictions import predict
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trips import match
from feeds.timetable.timetable import Timetable

_NEVER = float("inf")


class Run(NamedTuple):
    """One trip instance as realtime has it. `key` begins the keys of its arrivals.

    `vehicle_id`: of the vehicle that the feed names, or "".
    """

    key: str
    instance: TripInstance
    calls: list[Call]
    vehicle_id: str = ""

    @property
    def ends(self) -> int | None:
        """When it is predicted to arrive where it ends; all of it is past then (rule 28)."""
        return self.calls[-1].arrival if self.calls and self.calls[-1].last else None


class _Said(NamedTuple):
    """An update of one instance, by one endpoint. `dated`: its own timestamp, 0 where it has none.

    `raw` is its entity: a parsed update takes four times as much, and is seldom asked for again.
    Of two styles of one trip, side by side for consumers of different age, the newer wins (rules 16
    and 17): `style` is whether it is read against a modified schedule, and whether it is not ADDED.
    """

    instance: TripInstance
    raw: bytes
    dated: int
    style: tuple[bool, bool]

    @property
    def modified(self) -> bool:
        """Whether it is read against a modified schedule."""
        return self.style[0]

    @property
    def update(self) -> TripUpdate:
        """As the feed tells it; parsed for whoever asks."""
        return FeedEntity.FromString(self.raw).trip_update

    @property
    def time(self) -> float:
        """When it was so; one that does not say never grows too old."""
        return self.dated or _NEVER

    @property
    def rank(self) -> tuple[tuple[bool, bool], int, bytes]:
        """Who wins when two speak of one instance: the newer, then the greater bytes.

        So the order in which they come never matters, nor does the entity's id (rule 3).
        """
        return self.style, self.dated, self.update.SerializeToString(deterministic=True)


Touched = dict[str, Run | None]
"""By run key, the run as it was before a change; None: realtime did not have it."""


class TripUpdates:
    """The runs that realtime knows, by key. Pure: time is an argument."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.runs: dict[str, Run] = {}
        self._modifications = Modifications(timetable)
        self._said: dict[str, dict[Origin, _Said]] = defaultdict(dict)
        self._keys: dict[Origin, str] = {}
        self._oldest: dict[int, float] = {}  # by endpoint

    def apply(self, endpoint: int, message: Message, now: float, note: Note) -> Touched:
        """Take what a poll of an endpoint changed."""
        changed = self._remove(endpoint, message.removed)
        for raw, entity in message.added:
            if entity.HasField("trip_update"):
                changed |= self._add(endpoint, raw, entity, now, note)
            elif entity.HasField("trip_modifications"):
                changed |= self._modifications.add(endpoint, raw, entity, note)
        return self._settle(changed, note)

    def withdraw(self, endpoint: int, note: Note) -> Touched:
        """Forget all that an endpoint said: it is too old to be shown."""
        raws = [raw for each, raw in self._keys if each == endpoint]
        raws += self._modifications.said_by(endpoint)
        return self._settle(self._remove(endpoint, raws), note)

    def withdraw_older(self, endpoint: int, moment: float, note: Note) -> Touched:
        """Forget updates of an endpoint whose own timestamp lies before `moment` (rule 6)."""
        if moment <= self._oldest.get(endpoint, _NEVER):
            return {}
        every = [pair for origins in self._said.values() for pair in origins.items()]
        theirs = [(raw, said) for (each, raw), said in every if each == endpoint]
        old = [(raw, said) for raw, said in theirs if said.time < moment]
        self._oldest[endpoint] = min(
            (s.time for _, s in theirs if s.time >= moment), default=_NEVER
        )
        touched: Touched = {}
        for raw, said in old:
            note("trip_update_expired", said.instance.trip_id)
            touched |= self._settle(self._remove(endpoint, [raw]), note)
        return touched

    def _add(
        self, endpoint: int, raw: bytes, entity: FeedEntity, now: float, note: Note
    ) -> set[str]:
        update = entity.trip_update
        instance = match(update, self.timetable, now, note)
        if instance is None:
            return set()
        key = instance.key(self.timetable.feed_id)
        told = update.trip
        style = told.HasField("modified_trip"), told.schedule_relationship != TripDescriptor.ADDED
        said = _Said(instance, raw, _dated(instance, update, now, note), style)
        if any(said.style == other.style for other in self._said[key].values()):
            note("trip_update_repeated", instance.trip_id)
        self._said[key][endpoint, raw] = said
        self._oldest[endpoint] = min(self._oldest.get(endpoint, _NEVER), said.time)
        self._keys[endpoint, raw] = key
        return {key}

    def _remove(self, endpoint: int, raws: Iterable[bytes]) -> set[str]:
        raws = list(raws)
        changed = self._modifications.remove(endpoint, raws)
        for raw in raws:
            if key := self._keys.pop((endpoint, raw), None):
                del self._said[key][endpoint, raw]
                changed.add(key)
        return changed

    def _settle(self, changed: Iterable[str], note: Note) -> Touched:
        """Predict the changed instances anew; those of which other things are told than before."""
        touched: Touched = {}
        for key in changed:
            before, after = self.runs.get(key), self._run(key, note)
            if not self._said[key]:
                del self._said[key]
            if after == before:
                continue  # often only the timestamp has moved
            if after:
                self.runs[key] = after
            else:
                del self.runs[key]
            touched[key] = before
        return touched

    def _run(self, key: str, note: Note) -> Run | None:
        """The instance as the first of its updates has it that can be used."""
        modification = self._modifications.of(key)
        for instance, update in self._ranked(key, modification, note):
            calls = predict(instance, update, self.timetable, note, modification)
            if calls is not None:
                return Run(key, instance, calls, update.vehicle.id)
        return None

    def _ranked(
        self, key: str, modification: Modification | None, note: Note
    ) -> Iterator[tuple[TripInstance, TripUpdate]]:
        """The updates that may count, best first; in the end the modified schedule alone."""
        ranked = [s for s in self._said[key].values() if not s.modified or _fits(s, modification)]
        if len(ranked) < len(self._said[key]):
            note("modification_unknown", key)
        if len(ranked) > 1:
            ranked.sort(key=lambda said: said.rank, reverse=True)
        for said in ranked:
            yield said.instance, said.update
        if modification:
            yield modification.instance, TripUpdate()


def _dated(instance: TripInstance, update: TripUpdate, now: float, note: Note) -> int:
    """One from the future tells no time: it would win over every other, and never expire."""
    if update.timestamp <= now + FUTURE:
        return update.timestamp
    note("trip_update_ahead", f"{instance.trip_id}: timestamp {update.timestamp}")
    return 0


def _fits(said: _Said, modification: Modification | None) -> bool:
    wanted = said.update.trip.modified_trip.modifications_id
    return modification is not None and modification.modifications_id == wanted
