"""A changed board as it goes out: versioned, its snapshot and its patch encoded once."""

import time
from collections.abc import Callable, Iterable

from feeds.realtime.boards import Change
from schemas import frames
from schemas.live import Publication


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


def publication(change: Change, version: int) -> Publication:
    """Give the changed board its version and encode it; a board that is new goes out whole."""
    before, after = change.before, change.after
    after["version"] = version
    snapshot = frames.snapshot(after)
    if before is None:
        return Publication(after["stop_id"], None, version, snapshot, snapshot)
    patch = {"stop_id": after["stop_id"], "version": version, **change.patch}
    return Publication(after["stop_id"], before["version"], version, snapshot, frames.patch(patch))
