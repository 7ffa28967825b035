"""TripModifications: detours, as another schedule of some trips on some days (SPEC rules 36 to 38).

docs/decisions/0011-detours.md says what of it is not read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from google.transit.gtfs_realtime_pb2 import FeedEntity, StopSelector, TripModifications

from feeds.realtime.calls import Call
from feeds.realtime.decode import Note, Origin
from feeds.realtime.descriptors import day, seconds
from feeds.realtime.trip_instance import TripInstance
from feeds.timetable.entities import StopTime, Trip
from feeds.timetable.timetable import Timetable

# An entity multiplies its trips by its replacement stops: 1 MB would become billions of calls.
MOST_REPLACEMENTS = 500  # stops of one modified trip
MOST_STOPS = 2_000_000  # of all modified trips of a feed


class ModifiedStop(NamedTuple):
    """A call of a modified trip. `position` is that in stop_times, None at a replacement.

    `number` is its stop_sequence in the modified trip, None where it is `removed`.
    """

    stop_time: StopTime
    visit: str
    position: int | None
    number: int | None

    def named(self, call: Call) -> Call:
        """The call under the names that it keeps, modified or not."""
        sequence = None if self.position is None else call.stop_sequence
        return call._replace(visit=self.visit, stop_sequence=sequence)


class Modification(NamedTuple):
    """The modified schedule of one instance; `modifications_id` is its entity's id."""

    modifications_id: str
    instance: TripInstance
    stops: tuple[ModifiedStop, ...]

    @property
    def numbered(self) -> list[StopTime]:
        """The stop_times of the modified trip, its stop_sequence 1 to n."""
        return [
            stop.stop_time._replace(stop_sequence=stop.number)
            for stop in self.stops
            if stop.number is not None
        ]


class Modifications:
    """What the endpoints of a feed say of modified trips, by key of the instance."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self._by_key: dict[str, dict[Origin, Modification]] = defaultdict(dict)
        self._keys: dict[Origin, list[str]] = {}
        self._stops = 0  # of all that is kept

    def of(self, key: str) -> Modification | None:
        """The instance's modification; of several, which is an error, always the same."""
        said = self._by_key.get(key)
        return said[max(said, key=lambda named: named[1])] if said else None

    def add(self, endpoint: int, raw: bytes, entity: FeedEntity, note: Note) -> set[str]:
        """Take an entity; the keys of the instances that it modifies."""
        keys = self._keys.setdefault((endpoint, raw), [])
        for modification in self._read(entity, note):
            key = modification.instance.key(self.timetable.feed_id)
            if self._stops + len(modification.stops) > MOST_STOPS:
                note("modification_unsupported", f"{entity.id}: more than {MOST_STOPS} stops")
                break
            if self._by_key[key]:
                note("modification_repeated", modification.instance.trip_id)
            self._by_key[key][endpoint, raw] = modification
            self._stops += len(modification.stops)
            keys.append(key)
        return set(keys)

    def remove(self, endpoint: int, raws: Iterable[bytes]) -> set[str]:
        """Forget entities; the keys of the instances that they modified."""
        changed: set[str] = set()
        for raw in raws:
            for key in self._keys.pop((endpoint, raw), ()):
                self._stops -= len(self._by_key[key].pop((endpoint, raw)).stops)
                changed.add(key)
        return changed

    def said_by(self, endpoint: int) -> list[bytes]:
        """The raw entities of an endpoint."""
        return [raw for each, raw in self._keys if each == endpoint]

    def _read(self, entity: FeedEntity, note: Note) -> Iterator[Modification]:
        told = entity.trip_modifications
        days = dict.fromkeys(found for text in told.service_dates if (found := day(text)))
        for text in told.service_dates:
            if day(text) is None:
                note("modification_unsupported", f"{entity.id}: no date {text}")
        for trip_id in dict.fromkeys(t for trips in told.selected_trips for t in trips.trip_ids):
            trip = self.timetable.trips.get(trip_id)
            if trip is None:
                if not self.timetable.has_trip(trip_id):
                    note("modification_unsupported", f"{entity.id}: no trip {trip_id}")
                continue
            if any(not period.exact for period in trip.frequencies):
                note("modification_unsupported", f"{entity.id}: {trip_id} has no exact times")
                continue
            stops = self._modified(trip, entity, note)
            for date in days if stops else ():
                if self.timetable.runs(trip, date):
                    for start in _starts(trip, told):
                        shift = start - self.timetable.stop_time(trip, 0).departure if start else 0
                        run = TripInstance.scheduled(trip, date, start, shift)
                        yield Modification(entity.id, run, stops)

    def _modified(self, trip: Trip, entity: FeedEntity, note: Note) -> tuple[ModifiedStop, ...]:
        stop_times = self.timetable.stop_times(trip)
        try:
            return tuple(_modified(stop_times, entity.trip_modifications, self.timetable))
        except _UnsupportedError as error:
            note("modification_unsupported", f"{entity.id}: {trip.trip_id}: {error}")
            return ()


class _UnsupportedError(Exception):
    """What we do not read, or what does not fit the trip."""


def _starts(trip: Trip, told: TripModifications) -> list[int | None]:
    if not trip.frequencies:
        return [None]
    starts = dict.fromkeys(map(seconds, told.start_times))
    return [start for start in starts if start is not None]


def _modified(
    stop_times: Sequence[StopTime], told: TripModifications, timetable: Timetable
) -> Iterator[ModifiedStop]:
    if sum(len(each.replacement_stops) for each in told.modifications) > MOST_REPLACEMENTS:
        raise _UnsupportedError(f"more than {MOST_REPLACEMENTS} replacement stops")
    numbers = count(1)
    shift = done = 0

    def kept(end: int) -> Iterator[ModifiedStop]:
        for i in range(done, end):
            planned = _shifted(stop_times[i], shift)
            yield ModifiedStop(planned, str(planned.stop_sequence), i, next(numbers))

    spans = [(*_span(stop_times, each), each) for each in told.modifications]
    for first, last, modification in sorted(spans, key=lambda span: span[:2]):
        if first < done:
            raise _UnsupportedError("modifications overlap")
        yield from kept(first)
        for i in range(first, last):
            removed = _shifted(stop_times[i], shift)
            yield ModifiedStop(removed, str(removed.stop_sequence), i, None)
        reference = stop_times[max(first - 1, 0)].arrival + shift
        for place, stop in enumerate(modification.replacement_stops):
            if stop.stop_id not in timetable.stops:
                raise _UnsupportedError(f"replacement stop {stop.stop_id} is not in the schedule")
            moment = reference + stop.travel_time_to_stop
            planned = StopTime(0, stop.stop_id, moment, moment, None, 0, 0)
            yield ModifiedStop(planned, f"m{first}.{place}", None, next(numbers))
        shift += modification.propagated_modification_delay
        done = last
    yield from kept(len(stop_times))


def _span(
    stop_times: Sequence[StopTime], modification: TripModifications.Modification
) -> tuple[int, int]:
    """Positions of the stops that are replaced, the end exclusive."""
    first = _selected(stop_times, modification.start_stop_selector)
    if not modification.HasField("end_stop_selector"):
        return first, first
    last = _selected(stop_times, modification.end_stop_selector) + 1
    if last <= first:
        raise _UnsupportedError("a modification ends before it begins")
    return first, last


def _selected(stop_times: Sequence[StopTime], selector: StopSelector) -> int:
    found = [
        i
        for i, planned in enumerate(stop_times)
        if (
            planned.stop_sequence == selector.stop_sequence
            if selector.HasField("stop_sequence")
            else planned.stop_id == selector.stop_id
        )
    ]
    if len(found) != 1:
        raise _UnsupportedError(f"a selector meets {len(found)} stops")
    return found[0]


def _shifted(planned: StopTime, shift: int) -> StopTime:
    if not shift:
        return planned
    return planned._replace(arrival=planned.arrival + shift, departure=planned.departure + shift)
