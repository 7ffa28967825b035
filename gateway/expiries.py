"""When tokens of open streams expire: one timer for all of them."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.subscriber import Subscriber

if TYPE_CHECKING:
    from gateway.hub import Hub

# Seconds between two looks.
LOOK = 0.1
# Streams that are closed at one look: thousands may share a token, and all come back at once. A
# goodbye takes 30 microseconds.
MOST = 200


class Expiries:
    """Streams with a token, by the second in which it expires; others are not here."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock  # that of tokens
        self._ends: dict[int, set[Subscriber]] = {}

    def add(self, subscriber: Subscriber) -> None:
        if subscriber.expires:
            self._ends.setdefault(subscriber.expires, set()).add(subscriber)

    def discard(self, subscriber: Subscriber) -> None:
        alike = self._ends.get(subscriber.expires)
        if alike is not None:
            alike.discard(subscriber)
            if not alike:
                del self._ends[subscriber.expires]

    def over(self, now: float) -> list[Subscriber]:
        """Up to `MOST` streams whose token has expired; they are not named again."""
        found: list[Subscriber] = []
        for second in [second for second in self._ends if second <= now]:
            alike = self._ends[second]
            while alike and len(found) < MOST:
                found.append(alike.pop())
            if not alike:
                del self._ends[second]
        return found

    async def run(self, hub: "Hub") -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK)
            for subscriber in self.over(self.clock()):
                hub.close(subscriber, "token_expired")
