"""The board clock: the time as of which a feed's boards are made."""

import time
from collections.abc import Callable

from feeds.sources.clock import Reading


class BoardClock:
    """Our own clock, or that of a replay, as far as it has been told."""

    def __init__(self, *, follows: bool, wall: Callable[[], float] = time.time) -> None:
        """`follows`: an endpoint tells the time (`clock = true`); unknown until it has."""
        self._wall = wall
        self._heard = wall()
        self.reading = None if follows else Reading(self._heard, 1)

    @property
    def known(self) -> bool:
        return self.reading is not None

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one of ours."""
        return self.reading.rate if self.reading else 1

    def hear(self, reading: Reading) -> None:
        """An endpoint has just told the time."""
        self.reading, self._heard = reading, self._wall()

    def now(self) -> float:
        """POSIX seconds.

        Raises:
            ValueError: it is not known yet.
        """
        if self.reading is None:
            raise ValueError("no endpoint has told the time yet")
        return self.reading.time + (self._wall() - self._heard) * self.reading.rate
