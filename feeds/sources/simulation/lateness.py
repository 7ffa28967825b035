"""How late vehicles run, second by second along their trip."""

from dataclasses import dataclass
from math import floor

from feeds.sources.simulation.chance import Chance

SWAY = 40  # seconds early or late that any vehicle drifts
SWAY_PERIOD = 300  # seconds from one drift to the next
EARLIEST = -45  # seconds; an earlier vehicle waits
GROWTH = 0.8  # seconds of delay that an incident adds in a second
RECOVERY = 0.15  # seconds that are made up in a second afterwards
CATCH_UP = 0.25  # share of its leader's delay that a follower gains: fewer riders wait for it
SMALLEST_GAP = 45  # seconds that a follower stays behind
LATE_HALVES = 3600  # seconds after which half of a delay is expected to be gone
EARLY_HALVES = 180  # the same where the vehicle is early


@dataclass(frozen=True, slots=True)
class Lateness:
    """The delay of one vehicle before it meets others, in seconds after the trip's start."""

    chance: Chance
    initial: float
    incident_start: float
    incident_size: float

    @classmethod
    def of(cls, chance: Chance, duration: float) -> "Lateness":
        """One trip in seven leaves late, one in five has an incident on the way."""
        late = chance.happens("leaves late", 0.15)
        troubled = chance.happens("has an incident", 0.2)
        return cls(
            chance,
            chance.between("initial", 30, 200) if late else 0.0,
            chance.between("incident start", 0, duration * 0.7),
            chance.between("incident size", 120, 540) if troubled else 0.0,
        )

    def at(self, elapsed: float) -> float:
        return (
            max(self.initial - max(elapsed, 0) * RECOVERY, 0)
            + self.incident(elapsed - self.incident_start)
            + self.sway(elapsed)
        )

    def incident(self, since: float) -> float:
        """Grows to its full size, then is recovered from."""
        growing = self.incident_size / GROWTH
        if since <= growing:
            return max(since, 0) * GROWTH
        return max(self.incident_size - (since - growing) * RECOVERY, 0)

    def sway(self, elapsed: float) -> float:
        """A smooth curve through random points; nothing before the start."""
        if elapsed <= 0:
            return 0.0
        position = elapsed / SWAY_PERIOD
        knot = floor(position)
        before = self.chance.between(knot, -SWAY, SWAY) if knot else 0.0
        after = self.chance.between(knot + 1, -SWAY, SWAY)
        part = position - knot
        return before + (after - before) * part * part * (3 - 2 * part)


def delay_behind(own: float, leader: float, headway: float) -> float:
    """A follower's delay: it catches up with a late leader and stays behind it (bunching)."""
    return max(own - CATCH_UP * max(leader, 0), leader + SMALLEST_GAP - headway, EARLIEST)


def expected(delay: float, ahead: float) -> float:
    """What is left of today's delay so many seconds ahead, as a dispatcher would guess.

    A late vehicle makes up some time, an early one waits soon. Predictions made with it keep their
    order along the trip, since the delay falls more slowly than time goes on.
    """
    return delay / (1 + ahead / (LATE_HALVES if delay > 0 else EARLY_HALVES))
