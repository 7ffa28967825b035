"""Heartbeats: one timer for all streams, which turns a wheel of slots."""

import asyncio
from typing import TYPE_CHECKING

from gateway.coding import Coding
from gateway.subscriber import Subscriber

if TYPE_CHECKING:
    from gateway.hub import Hub

# Slots spread the writes of one interval, so that no turn of the loop writes to every stream: what
# is published meanwhile waits. Of 15,000 streams 50 have their turn together, half a millisecond.
SLOTS = 300


class Wheel:
    """Visits every stream once an interval, busy or not."""

    def __init__(self) -> None:
        self._slots: list[set[Subscriber]] = [set() for _ in range(SLOTS)]
        self._hand = 0  # the slot that is visited next
        self._added = 0

    def add(self, subscriber: Subscriber) -> None:
        # One of those that were visited last: a stream that has just begun needs no sign of life.
        self._added = (self._added + 1) % (SLOTS // 2)
        subscriber.slot = (self._hand - 1 - self._added) % SLOTS
        self._slots[subscriber.slot].add(subscriber)

    def discard(self, subscriber: Subscriber) -> None:
        self._slots[subscriber.slot].discard(subscriber)

    async def run(self, hub: "Hub") -> None:
        """Turn for ever."""
        while True:
            await asyncio.sleep(hub.settings.heartbeat / SLOTS)
            slot = self._slots[self._hand]
            self._hand = (self._hand + 1) % SLOTS
            self._visit(hub, slot, asyncio.get_running_loop().time())

    def _visit(self, hub: "Hub", slot: set[Subscriber], now: float) -> None:
        beats: dict[tuple[tuple[str, ...], Coding], bytes] = {}
        for subscriber in list(slot):
            if subscriber.transport.is_closing():
                # Half closed, with bytes in its buffer that nobody takes.
                subscriber.transport.abort()
            elif subscriber.deadline and now > subscriber.deadline:
                hub.close(subscriber, "lifetime")
            else:
                alike = subscriber.feeds, subscriber.coding
                if alike not in beats:
                    beats[alike] = hub.feeds.heartbeat(*alike)
                try:
                    subscriber.tell(beats[alike])
                except Exception as error:  # noqa: BLE001  # logged there
                    hub.fail(subscriber, error)
