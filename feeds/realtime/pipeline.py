"""One feed from bytes to changed boards: decode, match, predict, build, compare.

The same for `ingest`, `board` and the tests. Pure: what was received, and when by the board clock
(POSIX seconds), are arguments.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from feeds.realtime import nyct
from feeds.realtime.alerts import Alerts
from feeds.realtime.boards import Boards, Change
from feeds.realtime.decode import FUTURE, KINDS, DecodeError, Message, decode
from feeds.realtime.quality import Quality
from feeds.realtime.remarks import Remarks
from feeds.realtime.trip_updates import Touched, TripUpdates
from feeds.realtime.vehicles import Vehicles
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Board

PATIENCE = 90  # seconds for which an older message than the last one is ignored
_ALWAYS = (0.0, float("inf"))


@dataclass(slots=True)
class Heard:
    """What an endpoint said last. `timestamp` is its header's, or when it came if it has none."""

    data: bytes
    timestamp: float
    entities: tuple[bytes, ...] = field(repr=False)


class Pipeline:
    """The state of one feed: `poll` takes a message in, `changes` tells what came of it."""

    def __init__(
        self,
        timetable: Timetable,
        *,
        replaced_routes: Collection[str] = (),
        quiet: float = 0,
    ) -> None:
        """`quiet`: seconds by which a prediction may be wrong before it moves; 0: exact."""
        self.quality = Quality()
        self.heard: dict[int, Heard] = {}
        self.kinds: dict[int, set[str]] = defaultdict(set)  # of entities, by endpoint, so far
        self.quiet = quiet
        self._replaced_routes = replaced_routes
        self._begin(timetable)

    def _begin(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.updates = TripUpdates(timetable)
        self.vehicles = Vehicles(timetable, self.updates.runs)
        self.alerts = Alerts(timetable, self.updates.runs)
        remarks = Remarks(self.vehicles, self.alerts)
        self.boards = Boards(timetable, self.updates.runs, remarks, quiet=self.quiet)
        self._replace({})

    def poll(self, endpoint: int, data: bytes, now: float) -> None:
        """Take an endpoint's message in.

        Raises:
            DecodeError: it cannot be used; what was known stands.
        """
        last = self.heard.get(endpoint)
        if last and data == last.data:
            return
        note = self.quality.part(endpoint).note
        try:
            message = decode(data, last.entities if last else (), note)
            timestamp = message.header.timestamp or now
            self._check_clock(timestamp, last, now)
        except DecodeError as error:
            note(f"message_{error.kind}", str(error))
            raise
        self.heard[endpoint] = Heard(data, timestamp, message.entities)
        ours, theirs = self.timetable.feed_version, message.header.feed_version
        if ours and theirs and ours != theirs:
            note("feed_version_disagrees", f"{theirs}; the schedule is {ours}")  # rule 8
        self.kinds[endpoint] |= _kinds(message)
        if periods := nyct.replacement_periods(message.header):
            self._replace(periods)
        self._touch(self.updates.apply(endpoint, message, now, note))
        self.boards.touch_vehicles(self.vehicles.apply(endpoint, message, now, note))
        self.boards.touch_stops(self.alerts.apply(endpoint, message, now, note))

    def _check_clock(self, timestamp: float, last: Heard | None, now: float) -> None:
        if timestamp > now + FUTURE:
            ahead = timestamp - now
            raise DecodeError("header_ahead", f"header timestamp is {ahead:.0f} s in the future")
        if last and timestamp < last.timestamp and now - last.timestamp < PATIENCE:
            back = last.timestamp - timestamp
            raise DecodeError("header_back", f"header timestamp went back by {back:.0f} s")

    def _replace(self, periods: Mapping[str, tuple[float, float]]) -> None:
        self.boards.replace({**dict.fromkeys(self._replaced_routes, _ALWAYS), **periods})

    def _touch(self, touched: Touched) -> None:
        self.boards.touch(touched)
        self.boards.touch_vehicles(self.vehicles.follow(touched))

    def withdraw(self, endpoint: int) -> None:
        """Forget what an endpoint said: it is too old to be shown."""
        if self.heard.pop(endpoint, None):
            self._touch(self.updates.withdraw(endpoint, self.quality.part(endpoint).note))
            self.boards.touch_vehicles(self.vehicles.withdraw(endpoint))
            self.boards.touch_stops(self.alerts.withdraw(endpoint))

    def withdraw_older(self, endpoint: int, moment: float) -> None:
        """Forget an endpoint's trip updates and vehicles of their own from before `moment`."""
        note = self.quality.part(endpoint).note
        self._touch(self.updates.withdraw_older(endpoint, moment, note))
        self.boards.touch_vehicles(self.vehicles.withdraw_older(endpoint, moment, note))

    def switch(self, timetable: Timetable, now: float) -> Sequence[str]:
        """Read all that was heard against another schedule; the stops that it does not have."""
        heard, before = self.heard, self.boards.boards
        self.heard = {}
        self._begin(timetable)
        self.adopt(before)
        for endpoint, said in heard.items():
            self.poll(endpoint, said.data, now)
        gone = [stop_id for stop_id in before if stop_id not in self.boards.stop_ids]
        for stop_id in gone:
            del self.boards.boards[stop_id]
        return gone

    def adopt(self, standing: Mapping[str, Board]) -> None:
        """Tell all changes against these boards from now on, those that a store has."""
        self.boards.adopt(standing)

    def pending(self, now: float) -> list[str]:
        """The stops that may have changed since they were last asked for; they are forgotten."""
        self.boards.touch_vehicles(self.vehicles.due(int(now)))
        self.boards.touch_stops(self.alerts.due(int(now)))
        return self.boards.pending(int(now))

    def changes(self, stop_ids: Iterable[str], now: float) -> list[Change]:
        """Those of the boards that differ from what they were, as of `now`."""
        return self.boards.rebuild(stop_ids, int(now))


def _kinds(message: Message) -> set[str]:
    return {k for k in KINDS if any(entity.HasField(k) for _, entity in message.added)}
