"""The calls that may stand on each board: those of the schedule, and those that realtime has.

Pure. Scheduled ones enter as the window comes to them; those of a run are taken anew whenever it is
touched; which of them stand, and in what order, is asked board by board.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

from feeds.realtime.arrivals import describe_call, describe_trip
from feeds.realtime.calls import Call, Headway, planned_call
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trip_updates import Run, Touched, TripUpdates
from feeds.realtime.window import PAST
from feeds.timetable.entities import ScheduledCall, ScheduledHeadway
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival, Told

Periods = Mapping[str, tuple[float, float]]
"""By route_id: from when until when realtime alone tells what runs (feeds/realtime/nyct.py)."""


class Entry:
    """A call that may stand on one board; what is told of it is made when it first does."""

    __slots__ = (
        *("about", "call", "departed", "key", "remarked", "route_id", "time", "told", "trip"),
        "until",
    )

    def __init__(self, time: int, key: str, trip: Arrival, call: "Call | ScheduledCall") -> None:
        """`trip` is what all arrivals of its run have in common."""
        self.time = time
        self.key = key
        self.trip = trip
        self.route_id = trip.get("route_id", "")
        self.call = call
        headway = call.headway if isinstance(call, Call) else None
        self.until = headway.end if headway else time  # from when on it is past
        self.told: Told | None = None
        self.departed: Told | None = None
        self.remarked: tuple[tuple[Any, ...], Told] | None = None
        self.about: tuple[int, tuple[tuple[str, float], ...]] = (-1, ())


_in_order = attrgetter("time", "key")
_ByRun = dict[str, list[Entry]]
"""By run key."""


class _Stand:
    """What is known of one board beside the board itself."""

    __slots__ = ("edge", "headways", "live", "planned", "platforms")

    def __init__(self, platforms: tuple[str, ...]) -> None:
        self.platforms = platforms
        self.edge = 0  # up to where the schedule was asked for calls
        self.planned: _ByRun = {}
        self.headways: list[tuple[Entry, ScheduledHeadway]] = []
        self.live: _ByRun = {}


class Entries:
    """The entries of all boards of a feed. `replaced`: routes of which only realtime tells."""

    def __init__(self, timetable: Timetable, boards_of: Mapping[str, Iterable[str]]) -> None:
        """`boards_of`: by stop_id, the boards that its calls may stand on."""
        self.timetable = timetable
        self.replaced: Periods = {}
        self._boards_of = boards_of
        self._stands = {
            board: _Stand((board, *timetable.children(board)))
            for board in {board for boards in boards_of.values() for board in boards}
        }
        self._keys: dict[tuple[str, Any, int | None], str] = {}
        self._trips: dict[str, Arrival] = {}

    def touch(self, touched: Touched, updates: TripUpdates) -> set[str]:
        """Take the calls of these runs as they are now; the boards that this concerns."""
        boards = set()
        for key, stop_ids in touched.items():
            for stop_id in stop_ids:
                for board in self._boards_of[stop_id]:
                    self._stands[board].live.pop(key, None)
                    boards.add(board)
            if run := updates.runs.get(key):
                self._enter(run)
        return boards

    def _enter(self, run: Run) -> None:
        if not run.calls:
            return
        trip = describe_trip(run.instance, run.calls[-1].stop_id, self.timetable)
        for call in run.calls:
            moment = call.time
            if moment is None:
                continue
            key = f"{run.key}.{call.visit}"
            for board in self._boards_of[call.stop_id]:
                live = self._stands[board].live
                entry = Entry(moment, key, trip, call)
                if run.ends is not None and run.ends < moment:
                    entry.until = run.ends
                if run.key in live:
                    live[run.key].append(entry)
                else:
                    live[run.key] = [entry]

    def standing(self, board: str, updates: TripUpdates, now: int, end: int) -> list[Entry]:
        """The entries of a board with a time from `PAST` before `now` up to `end`, in order."""
        stand = self._stands[board]
        self._plan(stand, now, end)
        begin, runs = now - PAST, updates.runs
        entries = [
            entry
            for run, planned in stand.planned.items()
            if run not in runs
            for entry in planned
            if entry.time >= begin and not self._is_replaced(entry)
        ]
        entries += [
            entry for live in stand.live.values() for entry in live if begin <= entry.time < end
        ]
        if stand.headways:
            entries += self._headways(stand, updates, now, end)
        entries.sort(key=_in_order)
        return entries

    def _headways(self, stand: _Stand, updates: TripUpdates, now: int, end: int) -> list[Entry]:
        """The intervals of which realtime has not made calls: none of the trip is to come here."""
        to_come = {
            (run.instance.trip_id, run.instance.service_date, call.stop_id)
            for key in stand.live
            if (run := updates.runs.get(key))
            for call in run.calls
            if call.time is not None and now <= call.time < end
        }
        return [
            entry
            for entry, planned in stand.headways
            if planned.end >= now
            and (planned.trip.trip_id, planned.service_date, planned.stop_id) not in to_come
            and not self._is_replaced(entry)
        ]

    def _is_replaced(self, entry: Entry) -> bool:
        if not self.replaced:
            return False
        begin, end = self.replaced.get(entry.route_id.partition(":")[2], (0, 0))
        return begin <= entry.time < end

    def _plan(self, stand: _Stand, now: int, end: int) -> None:
        """Ask the schedule for the calls that the window has come to, and drop those it left."""
        if stand.edge == end:
            return
        if not now - PAST <= stand.edge <= end:  # the first time, or the clock was set
            stand.edge, stand.planned = now - PAST, {}
        for run, entries in list(stand.planned.items()):
            if entries[-1].time < now - PAST:
                del stand.planned[run]
        for platform in stand.platforms:
            for scheduled in self.timetable.calls(platform, stand.edge, end):
                run, trip = self._scheduled_trip(scheduled)
                sequence = self.timetable.stop_time(scheduled.trip, scheduled.index).stop_sequence
                entry = Entry(scheduled.time, f"{run}.{sequence}", trip, scheduled)
                stand.planned.setdefault(run, []).append(entry)
        stand.headways = [
            (self._headway_entry(planned), planned)
            for platform in stand.platforms
            for planned in self.timetable.headways(platform, now, end)
        ]
        stand.edge = end

    def _headway_entry(self, planned: ScheduledHeadway) -> Entry:
        trip, index, day = planned.trip, planned.index, planned.service_date
        scheduled = ScheduledCall(trip, day, None, index, 0, planned.start)
        run, told = self._scheduled_trip(scheduled)
        call = self._planned(scheduled)._replace(
            scheduled_arrival=None,
            scheduled_departure=None,
            headway=Headway(planned.headway, planned.start, planned.end),
        )
        # No call has such a key: in that of a frequency trip's run there is its start time.
        return Entry(planned.start, f"{run}.{call.visit}~{planned.start}", told, call)

    def _planned(self, scheduled: ScheduledCall) -> Call:
        trip, index = scheduled.trip, scheduled.index
        return planned_call(
            self.timetable.stop_time(trip, index),
            self.timetable.midnight(scheduled.service_date) + scheduled.shift,
            first=index == 0,
            last=index == trip.last - trip.first - 1,
        )

    def _scheduled_trip(self, scheduled: ScheduledCall) -> tuple[str, Arrival]:
        trip = scheduled.trip
        named = (trip.trip_id, scheduled.service_date, scheduled.start_time)
        key = self._keys.get(named)
        if key is None:
            instance = TripInstance.scheduled(trip, scheduled.service_date, scheduled.start_time)
            self._keys[named] = key = instance.key(self.timetable.feed_id)
            last = self.timetable.stop_time(trip, trip.last - trip.first - 1).stop_id
            self._trips[key] = describe_trip(instance, last, self.timetable)
        return key, self._trips[key]

    def tell(self, entry: Entry, stop_id: str) -> Told:
        """The arrival of an entry on a board, as it stands before its time."""
        call = entry.call if isinstance(entry.call, Call) else self._planned(entry.call)
        return Told(describe_call(entry.trip, call, stop_id, self.timetable))
