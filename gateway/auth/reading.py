"""Keys are read again now and then: one reading at a time, and a pause between two."""

import asyncio
from collections.abc import Awaitable, Callable

from schemas.tasks import end


class Reading:
    """What a source is read by, and when that was done last.

    A reading goes on when the request that asked for it is cancelled: others may wait for it.
    """

    def __init__(
        self, read: Callable[[], Awaitable[bool]], pause: float, clock: Callable[[], float]
    ) -> None:
        """`read`: whether it could be read; raises nothing. `pause`: seconds between two begins."""
        self._read = read
        self._pause = pause
        self._clock = clock
        self._done_at = self._tried_at = float("-inf")
        self._under_way: asyncio.Task[None] | None = None

    @property
    def was_done(self) -> bool:
        """Ever since the start."""
        return self._done_at != float("-inf")

    @property
    def failed(self) -> bool:
        """The last one."""
        return self._done_at < self._tried_at

    @property
    def is_under_way(self) -> bool:
        return self._under_way is not None

    def is_older_than(self, seconds: float) -> bool:
        return self._clock() - self._done_at > seconds

    def soon(self) -> asyncio.Task[None] | None:
        """The reading that is under way, or a new one; None: the last one began too lately."""
        if not self.is_under_way and self._clock() - self._tried_at >= self._pause:
            self._tried_at = self._clock()
            self._under_way = asyncio.create_task(self._run())
        return self._under_way

    async def now(self) -> None:
        """Wait for the reading that is under way, or a new one, if it is time for one."""
        if reading := self.soon():
            await asyncio.wait([reading])

    async def close(self) -> None:
        """End what is under way."""
        await end([self._under_way] if self._under_way else [])

    async def _run(self) -> None:
        try:
            if await self._read():
                self._done_at = self._clock()
        finally:
            self._under_way = None
