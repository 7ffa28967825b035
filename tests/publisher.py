"""A feed's owner for tests: made-up boards, published as an ingester does."""

import random
import time
from typing import Any

from schemas import frames, keys, merge_patch
from schemas.arrivals import Board
from schemas.feed_state import FeedState
from schemas.live import Lease, LiveStore
from schemas.stored_board import Publication


class Publisher:
    """Owns one feed; `boards` is the truth that clients must come to hold."""

    def __init__(self, live: LiveStore, lease: Lease, feed: str, seed: int = 0) -> None:
        self.live = live
        self.lease = lease
        self.feed = feed
        self.boards: dict[str, Board] = {}
        self.version = time.time_ns() // 1000 - 600_000_000  # long ago: time may pass
        self.random = random.Random(seed)  # noqa: S311  # made-up boards

    @classmethod
    async def own(cls, live: LiveStore, feed: str = "demo") -> "Publisher":
        await live.redis.delete(f"stopcast:lease:{{{feed}}}")
        lease = await live.acquire(feed, "test", 600)
        assert lease is not None
        publisher = cls(live, lease, feed)
        await publisher.tell()
        return publisher

    async def tell(self, **changes: Any) -> None:
        """Write the feed's state: live and complete unless told otherwise."""
        now = time.time()
        state: dict[str, Any] = {
            "feed_id": self.feed, "status": "live", "timestamp": int(now), "now": now, "beat": now,
            "rate": 1.0, "owner": "test", "lineage": 0, "complete": True, "report": {},
        }  # fmt: skip
        told = FeedState(**{**state, **changes})
        # It owns the feed, whatever the test did to Redis.
        await self.live.redis.set(keys.lease(told.feed_id), self.lease.held())
        await self.live.tell(self.lease, told)

    def stop(self, name: str) -> str:
        return f"{self.feed}:{name}"

    def board(self, stop_id: str, size: int = 3) -> Board:
        """A new version of this stop's board, some arrivals other than before."""
        self.version += 1
        before = self.boards.get(stop_id)
        arrivals: dict[str, Any] = dict(before["arrivals"]) if before else {}
        for _ in range(size):
            key = f"t{self.random.randrange(size * 2)}"
            if key in arrivals and self.random.random() < 0.3:
                del arrivals[key]
            else:
                arrivals[key] = {"status": "predicted", "arrival": self.random.randrange(10**9)}
        return {
            "stop_id": stop_id, "version": self.version, "stop": {"timezone": "Europe/Berlin"},
            "routes": {}, "arrivals": arrivals, "alerts": {},
        }  # fmt: skip

    def publication(self, stop_id: str, *, snapshot: bool = False, size: int = 3) -> Publication:
        """A new version, as a patch where that is possible; `boards` has it from here on.

        What is stored is now and then a snapshot, mostly the patch behind the last one.
        """
        before, board = self.boards.get(stop_id), self.board(stop_id, size)
        self.boards[stop_id] = board
        whole = frames.snapshot(board)
        if before is None or snapshot:
            return Publication(stop_id, None, board["version"], whole, whole)
        stored = whole if self.random.random() < 0.25 else None
        changes = {
            **merge_patch.diff(before, board), "stop_id": stop_id, "version": board["version"]
        }  # fmt: skip
        return Publication(
            stop_id, before["version"], board["version"], stored, frames.patch(changes)
        )

    async def publish(self, *stop_ids: str, snapshot: bool = False, size: int = 3) -> None:
        made = [self.publication(stop, snapshot=snapshot, size=size) for stop in stop_ids]
        assert await self.live.publish(self.lease, made) == []

    async def cut_listeners(self) -> None:
        """Break every pub/sub connection to this Redis."""
        kill: Any = self.live.redis.execute_command
        await kill("CLIENT", "KILL", "TYPE", "pubsub")

    async def retire(self, stop_id: str) -> None:
        self.version += 1
        self.boards.pop(stop_id)
        await self.live.retire(self.lease, self.version, [(stop_id, frames.gone(stop_id))])
