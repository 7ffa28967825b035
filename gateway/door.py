"""Where what costs the loop comes in, so many in one turn, so that open streams keep their pace.

New streams, and signatures of tokens, each by a door of their own. What is published goes out between
two turns. A crowd that comes at once therefore waits here, in the order in which it came, and not in
the middle of the events of those who were there before.
"""

import asyncio
from collections import deque


class Door:
    """Lets in `width` per turn; who would wait longer than `patience` seconds is refused."""

    def __init__(self, width: int, patience: float) -> None:
        self.width = width
        self.patience = patience
        self._room = width  # of this turn
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._turning = False

    async def enter(self) -> None:
        """Wait for one's turn.

        Raises:
            TimeoutError: it did not come within `patience`.
        """
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turn, loop)
        if self._room and not self._waiting:
            self._room -= 1
            return
        turn = loop.create_future()
        self._waiting.append((loop.time() + self.patience, turn))
        await turn

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once in each turn of the loop, until nobody waits and nobody came in the last."""
        self._room = self.width
        now = loop.time()
        while self._waiting and self._room:
            until, turn = self._waiting.popleft()
            if turn.cancelled():
                continue
            self._room -= 1  # a refusal costs, too
            if now > until:
                turn.set_exception(TimeoutError())
            else:
                turn.set_result(None)
        self._turning = bool(self._waiting) or self._room < self.width
        if self._turning:
            loop.call_soon(self._turn, loop)
