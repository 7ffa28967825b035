"""The clock of a source that does not live in the present: a replay, a simulation of another day."""

from dataclasses import dataclass
from typing import NamedTuple, Self

CLOCK_HEADER = "X-Stopcast-Clock"


class Reading(NamedTuple):
    """What a clock shows: POSIX seconds, and how many of its seconds pass in one of ours.

    A source puts it into every answer, 304 included, so that boards are made as of its time.
    """

    time: float
    rate: float

    def header(self) -> str:
        """As the value of `X-Stopcast-Clock`: `1707397157.250;rate=20`."""
        return f"{self.time:.3f};rate={self.rate:g}"

    @classmethod
    def from_header(cls, value: str) -> Self:
        """The reverse of `header`.

        Raises:
            ValueError: the value is of another form.
        """
        time, separator, rate = value.partition(";rate=")
        if not separator:
            raise ValueError(f"{CLOCK_HEADER}: {value!r} is not `TIME;rate=RATE`")
        return cls(float(time), float(rate))


@dataclass(frozen=True, slots=True)
class Clock:
    """Shows `start` at wall time `since`, and runs `rate` times as fast."""

    start: float
    since: float
    rate: float

    def reading(self, wall: float) -> Reading:
        return Reading(self.start + (wall - self.since) * self.rate, self.rate)
