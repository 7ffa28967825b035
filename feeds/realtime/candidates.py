"""The calls that may stand on each board: those of the schedule, and those that realtime has.

Pure. Scheduled ones enter as the window comes to them; those of a run are taken anew whenever it is
touched. Each board remembers which of its calls are to be looked at again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from operator import attrgetter

from feeds.realtime.arrivals import describe_call, describe_trip
from feeds.realtime.calls import Call
from feeds.realtime.due_calls import DueCalls
from feeds.realtime.planned import Planned
from feeds.realtime.stand import Candidate, Stand
from feeds.realtime.trip_instance import TripInstance
from feeds.realtime.trip_updates import Run, Touched
from feeds.realtime.vehicles import Met
from feeds.realtime.window import MOST, PAST, edge, enters
from feeds.timetable.entities import ScheduledHeadway
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival

Periods = Mapping[str, tuple[float, float]]
"""By route_id: from when until when realtime alone tells what runs (feeds/realtime/nyct.py)."""


_in_order = attrgetter("time", "key")


class Candidates:
    """The candidates of all boards of a feed. `runs` are those that realtime has, by key."""

    def __init__(
        self, timetable: Timetable, runs: Mapping[str, Run], boards_of: Mapping[str, Iterable[str]]
    ) -> None:
        """`boards_of`: by stop_id, the boards that its calls may stand on."""
        self.timetable = timetable
        self.due = DueCalls()
        self._runs = runs
        self._replaced: Periods = {}
        self._stands = {
            board: Stand(
                board,
                timetable.stops[board].parent_station or board,
                (board, *timetable.children(board)),
            )
            for board in {board for boards in boards_of.values() for board in boards}
        }
        self._phases: dict[int, list[str]] = defaultdict(list)
        for stand in self._stands.values():
            self._phases[stand.phase].append(stand.board)
        self._stands_of = {
            stop_id: tuple(self._stands[board] for board in boards)
            for stop_id, boards in boards_of.items()
        }
        self._planned = Planned(timetable, runs)
        # By run key, what its calls have in common, and how many candidates of realtime it has.
        self._live: dict[str, tuple[Arrival, int]] = {}

    # -- what is to be looked at -----------------------------------------------------------------

    def touch(self, touched: Touched) -> set[str]:
        """Take the calls of these runs as they are now; the boards where anything is different."""
        boards: set[str] = set()
        for key, before in touched.items():
            run = self._runs.get(key)
            if run is None or self._enter(run, boards):
                self._leave(key, before, run, boards)
            if run is None and before is not None:
                self._enter_again(before.instance, boards)
        return boards

    def _enter(self, run: Run, boards: set[str]) -> bool:
        """Put the run's calls where they are; whether it has others than before.

        A candidate of a call that was there stays, and is not looked at where nothing is new: most
        polls move times, not calls, and not those that are over.
        """
        if not run.calls:
            return True
        told = describe_trip(run.instance, run.calls[-1].stop_id, self.timetable)
        trip, before = self._live.get(run.key, (told, -1))
        if trip != told:
            trip = told
        ends, stayed, entered = run.ends, 0, 0
        for call in run.calls:
            key = f"{run.key}.{call.visit}"
            for stand in self._stands_of[call.stop_id]:
                entered += 1
                candidate = stand.calls.get(key)
                if candidate is not None:
                    stayed += not candidate.planned
                    if candidate.is_as(trip, call, ends):
                        continue
                if (moment := call.time) is None:
                    continue
                until = moment if ends is None or moment < ends else ends
                if candidate is None:
                    candidate = stand.calls[key] = Candidate(key, moment, until, trip, call)
                else:
                    candidate.take(moment, until, trip, call)
                stand.touched[key] = candidate
                boards.add(stand.board)
        self._live[run.key] = trip, entered
        return not stayed == entered == before

    def _leave(self, key: str, before: Run | None, run: Run | None, boards: set[str]) -> None:
        """Drop the calls that a run had before, or that the schedule has of it, and it has not."""
        stays = {(call.stop_id, call.visit) for call in run.calls} if run else set()
        for stop_id, visit in self._former(before, run):
            if (stop_id, visit) in stays:
                continue
            for stand in self._stands_of[stop_id]:
                candidate = stand.calls.get(f"{key}.{visit}")
                # A station still has a call that has gone from one platform to another.
                if candidate and candidate.at in (None, stop_id):
                    del stand.calls[candidate.key]
                    stand.touched[candidate.key] = None
                    boards.add(stand.board)
        if not stays:
            self._live.pop(key, None)

    def _former(self, before: Run | None, run: Run | None) -> Iterator[tuple[str, str]]:
        if before is not None:
            yield from ((call.stop_id, call.visit) for call in before.calls)
        elif run is not None:
            for stop_time, _ in self._planned.of(run.instance):
                yield stop_time.stop_id, str(stop_time.stop_sequence)

    def _enter_again(self, instance: TripInstance, boards: set[str]) -> None:
        """Realtime does not have this instance any more: what the schedule has of it comes back."""
        for stop_time, scheduled in self._planned.of(instance):
            for stand in self._stands_of[stop_time.stop_id]:
                if scheduled.time < stand.edge:
                    self._planned.enter_call(stand, scheduled)
                    boards.add(stand.board)

    def touch_vehicles(self, met: Met) -> set[str]:
        """The vehicles of these runs changed something at these visits; the boards."""
        boards = set()
        for run, visits in met.items():
            for visit, stop_id in visits:
                key = f"{run}.{visit}"
                for stand in self._stands_of[stop_id]:
                    if candidate := stand.calls.get(key):
                        stand.touched[key] = candidate
                        boards.add(stand.board)
        return boards

    def touch_all(self, boards: Iterable[str]) -> None:
        """Anything may have changed on these boards."""
        for board in boards:
            self._stands[board].anew = True

    def touch_moved(self, before: int, now: int) -> set[str]:
        """The boards whose window's edge has moved between these moments."""
        moved = {each for each in self._phases if edge(before, each) != edge(now, each)}
        return {board for each in moved for board in self._phases[each]}

    def touch_due(self, now: int) -> set[str]:
        """What time has changed since it was last looked at; the boards."""
        boards = set()
        for board, key in self.due.take(now):
            self._stands[board].touched.setdefault(key)
            boards.add(board)
        return boards

    def replace(self, replaced: Periods) -> set[str]:
        """Only realtime tells of these routes in these periods; the boards that this concerns."""
        before, self._replaced = self._replaced, replaced
        if before == replaced:
            return set()
        boards = set()
        for board, stand in self._stands.items():
            for key, each in stand.calls.items():
                moved = self._is_replaced(each, before) is not self._is_replaced(each, replaced)
                if each.planned and moved:
                    stand.touched.setdefault(key)
                    boards.add(board)
            if stand.intervals:
                boards.add(board)
        return boards

    # -- one board -------------------------------------------------------------------------------

    def stand(self, board: str, now: int) -> Stand:
        """What may stand on a board, the schedule asked for calls up to the window's edge."""
        stand = self._stands[board]
        if stand.edge != (end := edge(now, stand.phase)):
            self._planned.enter(stand, now, end)
        return stand

    def look(self, stand: Stand, stood: AbstractSet[str], now: int) -> dict[str, Candidate | None]:
        """What is to be looked at again, by arrival key; None: it does not stand (any more).

        Of a board that is looked at anew it is all, `stood` too, in the order of time.
        """
        touched, stand.touched = stand.touched, {}
        if stand.anew:
            stand.anew, stand.times = False, {}
            candidates = sorted(self._all(stand), key=_in_order)
            touched = dict.fromkeys(stood) | {each.key: each for each in candidates}
        elif stand.intervals:
            touched |= dict.fromkeys(stand.intervals)
        looked = {key: self._standing(stand, key, each, now) for key, each in touched.items()}
        if len(stand.times) > MOST or len(stood) >= MOST:
            first = stand.first()
            for key in first ^ stood:
                looked.setdefault(key, self._find(stand, key))
            looked |= dict.fromkeys(looked.keys() - first)
        return looked

    def _all(self, stand: Stand) -> Iterator[Candidate]:
        yield from stand.calls.values()
        for interval in stand.intervals.values():
            yield interval.candidate

    def _standing(
        self, stand: Stand, key: str, candidate: Candidate | None, now: int
    ) -> Candidate | None:
        """The candidate of that key, if it stands now; when it is due again is noted."""
        if candidate is None:
            candidate = self._find(stand, key)
        if candidate is not None:
            self._look_again(stand, candidate, now)
            if self._is_standing(stand, candidate, now):
                stand.times[key] = candidate.time
                return candidate
        stand.times.pop(key, None)
        return None

    def _look_again(self, stand: Stand, candidate: Candidate, now: int) -> None:
        if candidate.time >= stand.edge:
            moment = enters(candidate.time, stand.phase)
        elif candidate.until >= now:
            moment = candidate.until + 1
        else:
            moment = candidate.time + PAST + 1
        if moment > now and not now < candidate.due <= moment:
            candidate.due = moment
            self.due.add(moment, stand.board, candidate.key)

    def _find(self, stand: Stand, key: str) -> Candidate | None:
        """The candidate of an arrival key, whether it stands or not."""
        if key in stand.intervals:
            return stand.intervals[key].candidate
        return stand.calls.get(key)

    def _is_standing(self, stand: Stand, candidate: Candidate, now: int) -> bool:
        """Whether it is within the window, from `PAST` before `now` on, and nothing hides it."""
        if stand.intervals and (interval := stand.intervals.get(candidate.key)):
            return (
                interval.planned.end >= now
                and not self._is_replaced(candidate, self._replaced)
                and not self._comes(stand, interval.planned, now)
            )
        if not now - PAST <= candidate.time < stand.edge:
            return False
        replaced = self._replaced and candidate.planned
        return not (replaced and self._is_replaced(candidate, self._replaced))

    def _is_replaced(self, candidate: Candidate, replaced: Periods) -> bool:
        """Whether only realtime tells of its trip: by when that begins (feeds/realtime/nyct.py)."""
        if not replaced:
            return False
        begin, end = replaced.get(candidate.trip.get("route_id", "").partition(":")[2], (0, 0))
        run = self._planned.runs[_run_of(candidate.key)] if candidate.planned else None
        begins = run.begins if run else candidate.time
        return begin <= begins < end

    def _comes(self, stand: Stand, planned: ScheduledHeadway, now: int) -> bool:
        """Whether realtime has made calls of an interval: one of the trip is to come here."""
        named = planned.trip.trip_id, planned.service_date
        return any(
            now <= each.time < stand.edge
            and each.call.stop_id == planned.stop_id
            and (run := self._runs.get(_run_of(key))) is not None
            and (run.instance.trip_id, run.instance.service_date) == named
            for key, each in stand.calls.items()
            if isinstance(each.call, Call)
        )

    def has_moved(self, stand: Stand, key: str) -> bool:
        """Whether realtime has this call at a stop that is not on the board."""
        run = self._runs.get(_run_of(key))
        visit = key[key.index(".") + 1 :]
        return run is not None and any(
            call.visit == visit and call.stop_id not in stand.platforms for call in run.calls
        )

    def tell(self, candidate: Candidate, stop_id: str) -> Arrival:
        """The arrival of a candidate on a board, as it stands before its time."""
        call = candidate.call
        if isinstance(call, int):
            call = self._planned.call(self._planned.runs[_run_of(candidate.key)], call)
        return describe_call(candidate.trip, call, stop_id, self.timetable)


def _run_of(key: str) -> str:
    """The key of the run that an arrival key begins with."""
    return key[: key.index(".")]
