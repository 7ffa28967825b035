"""What can be seen while a run is under way: one line, for people only."""

import time
from collections import deque
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console
from rich.live import Live

from gateway.load.run import Run

_WINDOW = 5.0  # seconds, over which rates are shown


class _Moment(NamedTuple):
    at: float
    deliveries: int
    bytes: int


class Progress:
    """`with`; shows nothing where standard error is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False)
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._seen = console.is_terminal
        self._moments: deque[_Moment] = deque()

    def __enter__(self) -> Self:
        if self._seen:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._seen:
            self._live.stop()

    def show(self, run: Run) -> None:
        """The run as it stands now."""
        if self._seen:
            self._live.update(self._line(run), refresh=True)

    def _line(self, run: Run) -> str:
        tally, moments = run.tally, self._moments
        now = _Moment(time.monotonic(), tally.deliveries, tally.bytes)
        moments.append(now)
        while now.at - moments[0].at > _WINDOW:
            moments.popleft()
        first = moments[0]
        seconds = max(now.at - first.at, 1e-9)
        return (
            f"{run.left:,.0f} s left, {tally.open:,} of {run.plan.connections:,} streams open, "
            f"{tally.refused.total():,} refused, {tally.lost.total():,} lost, "
            f"{(now.deliveries - first.deliveries) / seconds:,.0f} deliveries/s, "
            f"{(now.bytes - first.bytes) / seconds:,.0f} bytes/s, {tally.gaps:,} gaps"
        )
