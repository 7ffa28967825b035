"""What the owner of a feed tells of it, as it stands in Redis. Pure."""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas.arrivals import FeedStatus


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as its owner last told it. Times are POSIX seconds.

    `now` is the board clock at `beat` (the owner's wall clock), running `rate` times as fast: for a
    replay it is in its past. `lineage` (microseconds, as versions are) voids cursors before it.
    `redis_run` is the run of the Redis that this was told to: another one has lost writes.
    """

    feed_id: str
    status: FeedStatus
    timestamp: int
    now: float
    beat: float
    rate: float
    owner: str
    lineage: int
    complete: bool
    report: dict[str, Any]
    redis_run: str = ""

    def board_clock(self, wall: float) -> float:
        """The board clock when the wall clock shows `wall`."""
        return self.now + (wall - self.beat) * self.rate

    def encode(self) -> dict[Any, Any]:
        return {
            "status": self.status,
            "timestamp": str(self.timestamp),
            "now": repr(self.now),
            "beat": repr(self.beat),
            "rate": repr(self.rate),
            "owner": self.owner,
            "lineage": str(self.lineage),
            "complete": "1" if self.complete else "0",
            "report": orjson.dumps(self.report),
            "redis_run": self.redis_run,
        }

    @classmethod
    def decode(cls, feed_id: str, stored: dict[bytes, bytes]) -> "FeedState | None":
        """None: no owner has told anything yet (the hash holds at most a fence)."""
        if b"status" not in stored:
            return None
        status: Any = stored[b"status"].decode()
        return cls(
            feed_id,
            status,
            int(stored[b"timestamp"]),
            float(stored[b"now"]),
            float(stored[b"beat"]),
            float(stored[b"rate"]),
            stored[b"owner"].decode(),
            int(stored[b"lineage"]),
            stored[b"complete"] == b"1",
            orjson.loads(stored[b"report"]),
            stored[b"redis_run"].decode(),
        )
