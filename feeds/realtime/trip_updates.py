"""What realtime says of every trip of a feed: the TripUpdates of all its endpoints, joined."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import FeedEntity, TripUpdate

from feeds.realtime.decode import Message, Note
from feeds.realtime.predictions import Call, predict
from feeds.realtime.trips import TripInstance, match
from feeds.timetable.timetable import Timetable


class Run(NamedTuple):
    """One trip instance as realtime has it. `key` begins the keys of its arrivals.

    `stops` are those whose boards it concerns: of its calls, and of the scheduled ones that it
    takes the place of.
    """

    key: str
    instance: TripInstance
    calls: list[Call]
    stops: frozenset[str]


class _Said(NamedTuple):
    """An update of one instance, by one endpoint."""

    instance: TripInstance
    update: TripUpdate

    @property
    def rank(self) -> tuple[int, bytes]:
        """Who wins when two speak of one instance: the newer, then the greater bytes.

        So the order in which they come never matters, nor does the entity's id (rule 3).
        """
        return self.update.timestamp, self.update.SerializeToString(deterministic=True)


Touched = dict[str, frozenset[str]]
"""By run key, the stops whose boards it concerns, before a change and after."""

_NONE: frozenset[str] = frozenset()


class TripUpdates:
    """The runs that realtime knows, by key. Pure: time is an argument."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.runs: dict[str, Run] = {}
        self._said: dict[str, dict[tuple[int, bytes], _Said]] = defaultdict(dict)
        self._keys: dict[tuple[int, bytes], str] = {}

    def apply(self, endpoint: int, message: Message, now: float, note: Note) -> Touched:
        """Take what a poll of an endpoint changed."""
        changed = self._remove(endpoint, message.removed)
        for raw, entity in message.added:
            if entity.HasField("trip_update"):
                changed |= self._add(endpoint, raw, entity, now, note)
        return self._settle(changed, note)

    def withdraw(self, endpoint: int, note: Note) -> Touched:
        """Forget all that an endpoint said: it is too old to be shown."""
        raws = [raw for source, raw in self._keys if source == endpoint]
        return self._settle(self._remove(endpoint, raws), note)

    def withdraw_older(self, moment: float, note: Note) -> Touched:
        """Forget updates whose own timestamp lies before `moment` (rule 6)."""
        old = [
            (source, said)
            for sources in self._said.values()
            for source, said in sources.items()
            if 0 < said.update.timestamp < moment
        ]
        changed: set[str] = set()
        for (endpoint, raw), said in old:
            note("trip_update_expired", said.instance.trip_id)
            changed |= self._remove(endpoint, [raw])
        return self._settle(changed, note)

    def _add(
        self, endpoint: int, raw: bytes, entity: FeedEntity, now: float, note: Note
    ) -> set[str]:
        update = entity.trip_update
        instance = match(update, self.timetable, now, note)
        if instance is None:
            return set()
        key = instance.key(self.timetable.feed_id)
        if self._said[key]:
            note("trip_update_repeated", instance.trip_id)
        self._said[key][endpoint, raw] = _Said(instance, update)
        self._keys[endpoint, raw] = key
        return {key}

    def _remove(self, endpoint: int, raws: Iterable[bytes]) -> set[str]:
        changed = set()
        for raw in raws:
            if key := self._keys.pop((endpoint, raw), None):
                del self._said[key][endpoint, raw]
                changed.add(key)
        return changed

    def _settle(self, changed: Iterable[str], note: Note) -> Touched:
        """Predict the changed instances anew."""
        touched: Touched = {}
        for key in changed:
            before = self.runs.pop(key, None)
            after = self._run(key, note) if self._said[key] else None
            if after:
                self.runs[key] = after
            if not self._said[key]:
                del self._said[key]
            stops = (before.stops if before else _NONE) | (after.stops if after else _NONE)
            touched[key] = stops
        return touched

    def _run(self, key: str, note: Note) -> Run | None:
        candidates = list(self._said[key].values())
        said = candidates[0] if len(candidates) == 1 else max(candidates, key=lambda s: s.rank)
        calls = predict(said.instance, said.update, self.timetable, note)
        if calls is None:
            return None
        stops = {call.stop_id for call in calls}
        if said.instance.trip:
            stops.update(row.stop_id for row in self.timetable.stop_times(said.instance.trip))
        return Run(key, said.instance, calls, frozenset(stops))
