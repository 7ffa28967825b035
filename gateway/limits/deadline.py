"""A time-out that a slow turn of our own loop does not use up."""

import asyncio
from types import TracebackType


class Deadline:
    """`async with Deadline(seconds, parts)`: asyncio.timeout, whose parts begin one after the other.

    A turn that takes longer than all of them counts as one, and after it there is time to read what
    has long been here: a flood that makes us slow must not look like a slow Redis.

    Raises:
        TimeoutError: at the end of the block, which was cancelled.
    """

    def __init__(self, seconds: float, parts: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self._part = seconds / parts
        self._left = parts
        self._timer = self._loop.call_later(self._part, self._end_part)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _end_part(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = self._loop.call_later(self._part, self._end_part)
        else:
            self._timeout.reschedule(self._loop.time())
