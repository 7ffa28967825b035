"""A changed board as it goes out: versioned, its snapshot or its patch encoded once."""

import time
from collections.abc import Callable, Iterable

from feeds.realtime.boards import Change
from schemas import frames
from schemas.arrivals import Board
from schemas.stored_board import Publication

# Patches behind a snapshot: at most this share of its bytes, at most so many bytes, each counted as
# SMALL at least. A gateway keeps more (GatewaySettings.tail_bytes), else it would ask in vain.
SHARE = 0.5
MOST = 16 * 1024
SMALL = 256


class Versions:
    """Versions of one feed's boards: microseconds, never twice, never backwards.

    `clock` gives POSIX seconds; a version that another owner gave is seen before ours are given.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def see(self, versions: Iterable[int]) -> None:
        """Versions that stand already."""
        self._last = max(self._last, *versions, 0)

    def next(self) -> int:
        """Greater than all before."""
        self._last = max(int(self._clock() * 1_000_000), self._last + 1)
        return self._last


class Publications:
    """Makes publications, and knows which boards are due a new snapshot in Redis.

    A snapshot with every patch would cost what the board's size does (bench/ingest: 20 kB beside
    1.3). So patches are stored behind the snapshot for as long as they are small beside it.
    """

    def __init__(self, versions: Versions) -> None:
        self.versions = versions
        self._room: dict[str, float] = {}  # bytes of patches until a new snapshot, by stop

    def forget(self) -> None:
        """Whatever stands gets a new snapshot."""
        self._room.clear()

    def of(self, change: Change) -> Publication:
        """Give the changed board its version and encode it; a board that is new goes out whole."""
        before, after = change.before, change.after
        stop_id, version = after["stop_id"], self.versions.next()
        after["version"] = version
        if before is None:
            whole = self._snapshot(after)
            return Publication(stop_id, None, version, whole, whole)
        patch = frames.patch({"stop_id": stop_id, "version": version, **change.patch})
        left = self._room.get(stop_id, 0) - max(len(patch), SMALL)
        self._room[stop_id] = left
        snapshot = None if left > 0 else self._snapshot(after)
        return Publication(stop_id, before["version"], version, snapshot, patch)

    def _snapshot(self, board: Board) -> bytes:
        frame = frames.snapshot(board)
        # More or less by a quarter, so that boards that began together do not go on together.
        spread = 0.75 + board["version"] % 1000 / 2000
        self._room[board["stop_id"]] = min(len(frame) * SHARE, MOST) * spread
        return frame
