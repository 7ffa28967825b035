"""What realtime says of every trip of a feed: the TripUpdates of all its endpoints, joined."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import FeedEntity, TripUpdate

from feeds.decode import Message, Note
from feeds.predictions import Call, predict
from feeds.timetable import Timetable
from feeds.trips import TripInstance, match


class Run(NamedTuple):
    """One trip instance as realtime has it. `key` begins the keys of its arrivals."""

    key: str
    instance: TripInstance
    calls: list[Call]


class _Source(NamedTuple):
    """Where an update came from, ordered by who wins when two speak of one instance.

    The newer timestamp, then the greater bytes, so that the order of arrival never matters.
    """

    timestamp: int
    raw: bytes
    endpoint: int


class TripUpdates:
    """The runs that realtime knows, by key and by stop. Pure: time is an argument."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.runs: dict[str, Run] = {}
        self.by_stop: dict[str, dict[str, Run]] = defaultdict(dict)
        self._sources: dict[str, dict[_Source, tuple[TripInstance, TripUpdate]]] = defaultdict(dict)
        self._keys: dict[tuple[int, bytes], tuple[str, _Source]] = {}

    def apply(self, endpoint: int, message: Message, now: float, note: Note) -> set[str]:
        """Take what a poll of an endpoint changed; the stops whose boards it touches."""
        changed = self._remove(endpoint, message.removed)
        for raw, entity in message.added:
            if entity.HasField("trip_update"):
                changed |= self._add(endpoint, raw, entity, now, note)
        return self._settle(changed, note)

    def withdraw(self, endpoint: int, note: Note) -> set[str]:
        """Forget all that an endpoint said (it is too old to be shown); the stops touched."""
        said = [raw for source, raw in self._keys if source == endpoint]
        return self._settle(self._remove(endpoint, said), note)

    def withdraw_older(self, moment: float, note: Note) -> set[str]:
        """Forget updates whose own timestamp lies before `moment`; the stops touched (rule 6)."""
        old = [
            (key, source)
            for key, sources in self._sources.items()
            for source in sources
            if 0 < source.timestamp < moment
        ]
        changed: set[str] = set()
        for key, source in old:
            note("trip_update_expired", self._sources[key][source][0].trip_id)
            changed |= self._remove(source.endpoint, [source.raw])
        return self._settle(changed, note)

    def _add(
        self, endpoint: int, raw: bytes, entity: FeedEntity, now: float, note: Note
    ) -> set[str]:
        update = entity.trip_update
        instance = match(update, self.timetable, now, note)
        if instance is None:
            return set()
        key = instance.key(self.timetable.feed_id)
        source = _Source(update.timestamp, raw, endpoint)
        if self._sources[key]:
            note("trip_update_repeated", instance.trip_id)
        self._sources[key][source] = (instance, update)
        self._keys[endpoint, raw] = (key, source)
        return {key}

    def _remove(self, endpoint: int, raws: Iterable[bytes]) -> set[str]:
        changed = set()
        for raw in raws:
            if found := self._keys.pop((endpoint, raw), None):
                key, source = found
                del self._sources[key][source]
                changed.add(key)
        return changed

    def _settle(self, changed: Iterable[str], note: Note) -> set[str]:
        """Predict the changed instances anew; the stops of their calls, before and after."""
        touched: set[str] = set()
        for key in changed:
            if before := self.runs.pop(key, None):
                touched |= self._unlist(before)
            if sources := self._sources[key]:
                instance, update = sources[max(sources)]
                calls = predict(instance, update, self.timetable, note)
                if calls is not None:
                    self.runs[key] = run = Run(key, instance, calls)
                    touched |= self._list(run)
            else:
                del self._sources[key]
        return touched

    def _list(self, run: Run) -> set[str]:
        stops = {call.stop_id for call in run.calls}
        for stop_id in stops:
            self.by_stop[stop_id][run.key] = run
        return stops

    def _unlist(self, run: Run) -> set[str]:
        stops = {call.stop_id for call in run.calls}
        for stop_id in stops:
            del self.by_stop[stop_id][run.key]
        return stops
