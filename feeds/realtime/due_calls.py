"""What time alone will change: calls to look at again, by the moment at which that is due."""

import heapq
from collections.abc import Iterator


class DueCalls:
    """Arrival keys of boards by moment (POSIX seconds). To look too early or twice does no harm."""

    def __init__(self) -> None:
        self._moments: list[int] = []  # a heap
        self._calls: dict[int, list[str]] = {}  # stop and key in turn: there are many

    def add(self, moment: int, stop_id: str, key: str) -> None:
        """Look at the call of that key on the stop's board at `moment`."""
        if moment in self._calls:
            self._calls[moment] += (stop_id, key)
        else:
            self._calls[moment] = [stop_id, key]
            heapq.heappush(self._moments, moment)

    def take(self, now: int) -> Iterator[tuple[str, str]]:
        """Those that are due at `now`, by stop and key; they are forgotten."""
        while self._moments and self._moments[0] <= now:
            calls = iter(self._calls.pop(heapq.heappop(self._moments)))
            yield from zip(calls, calls, strict=True)
