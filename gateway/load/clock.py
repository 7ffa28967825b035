"""How far the deployment's clock is ahead of this one, as far as can be told from outside."""

import math
from email.utils import parsedate_to_datetime

# A Date tells whole seconds and is made anew once a second (uvicorn, nginx), by a busy server later.
_DATE_IS_PAST = 5.0


class Clock:
    """Narrowed by all that comes from there; times are POSIX seconds, by whose clock is said."""

    def __init__(self, declared: float | None = None) -> None:
        self.declared = declared
        self.low, self.high = -math.inf, math.inf

    def answered(self, date: str, sent: float, received: float) -> None:
        """An answer: its `Date`, and when it was asked for and came by our clock."""
        try:
            told = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        self.low = max(self.low, told - received)
        self.high = min(self.high, told + _DATE_IS_PAST - sent)

    def brought(self, published: float, received: float) -> None:
        """A board, published by its clock and received by ours: nothing comes before it was sent."""
        self.low = max(self.low, published - received)

    @property
    def offset(self) -> float:
        """As declared, else the smallest that all this allows; clocks that agree have 0."""
        if self.declared is not None:
            return self.declared
        return sorted((self.low, 0.0, self.high))[1]
