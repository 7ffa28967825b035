"""What may stand on one board, and what of it is to be looked at again. Pure."""

from typing import NamedTuple

from feeds.realtime.calls import Call
from feeds.realtime.window import MOST, phase
from feeds.timetable.entities import ScheduledHeadway
from schemas.arrivals import Arrival


class Candidate:
    """A call that may stand on one board; `told` is made when it first does.

    `call`: as realtime has it; of those that only the schedule has, its position in the trip.
    `until`: from when on it is past. `due`: when it is looked at next, or 0.
    """

    __slots__ = ("call", "due", "key", "time", "told", "trip", "until")

    def __init__(self, key: str, time: int, until: int, trip: Arrival, call: Call | int) -> None:
        """`trip` is what all arrivals of its run have in common."""
        self.key = key
        self.due = 0
        self.take(time, until, trip, call)

    def take(self, time: int, until: int, trip: Arrival, call: Call | int) -> None:
        """It is another call by now, of the same key."""
        self.time = time
        self.until = until
        self.trip = trip
        self.call = call
        self.told: Arrival | None = None

    def is_as(self, trip: Arrival, call: Call, ends: int | None) -> bool:
        """Whether nothing of it is new, where its run ends by `ends`."""
        until = self.time if ends is None or self.time < ends else ends
        return self.call == call and self.trip is trip and self.until == until

    @property
    def planned(self) -> bool:
        """Whether only the schedule has it."""
        return isinstance(self.call, int)

    @property
    def at(self) -> str | None:
        """The stop where realtime has it; None where only the schedule has it."""
        return None if isinstance(self.call, int) else self.call.stop_id


class Interval(NamedTuple):
    """A candidate that is no call: a vehicle comes every so many seconds."""

    candidate: Candidate
    planned: ScheduledHeadway


class Stand:
    """What may stand on one board, by arrival key.

    `calls`: those that realtime has, and of other runs those of the schedule. `edge`: up to where
    the schedule was asked. `times`: of those that stand. `touched`: the keys to look at again, with
    the candidate where it is known; `anew`: it is all of them.
    """

    __slots__ = (
        *("anew", "board", "calls", "edge", "intervals", "phase", "platforms"),
        *("times", "touched"),
    )

    def __init__(self, board: str, station: str, platforms: tuple[str, ...]) -> None:
        """`station`: the board's, whose platforms' boards look as far ahead as its own."""
        self.board = board
        self.phase = phase(station)
        self.platforms = platforms
        self.edge = 0
        self.calls: dict[str, Candidate] = {}
        self.intervals: dict[str, Interval] = {}
        self.times: dict[str, int] = {}
        self.touched: dict[str, Candidate | None] = {}
        self.anew = True

    def first(self) -> set[str]:
        """The keys of those for which there is room."""
        return {key for _, key in sorted(zip(self.times.values(), self.times, strict=True))[:MOST]}
