"""Heartbeats: one timer for all streams, which turns a wheel of slots."""

import asyncio
from typing import TYPE_CHECKING

from gateway.subscriber import Subscriber

if TYPE_CHECKING:
    from gateway.hub import Hub

# Slots spread the writes of one interval, so that no turn of the loop writes to every stream.
SLOTS = 15


class Wheel:
    """Visits every stream once an interval, busy or not."""

    def __init__(self) -> None:
        self._slots: list[set[Subscriber]] = [set() for _ in range(SLOTS)]
        self._next = 0

    def add(self, subscriber: Subscriber) -> None:
        subscriber.slot = self._next = (self._next + 1) % SLOTS
        self._slots[subscriber.slot].add(subscriber)

    def discard(self, subscriber: Subscriber) -> None:
        self._slots[subscriber.slot].discard(subscriber)

    async def run(self, hub: "Hub") -> None:
        """Turn for ever."""
        while True:
            for slot in self._slots:
                await asyncio.sleep(hub.settings.heartbeat / SLOTS)
                self._visit(hub, slot, asyncio.get_running_loop().time())

    def _visit(self, hub: "Hub", slot: set[Subscriber], now: float) -> None:
        frames: dict[tuple[str, ...], bytes] = {}
        for subscriber in list(slot):
            if subscriber.transport.is_closing():
                # Half closed, with bytes in its buffer that nobody takes.
                subscriber.transport.abort()
            elif subscriber.deadline and now > subscriber.deadline:
                hub.close(subscriber, "lifetime")
            else:
                feeds = subscriber.feeds
                if feeds not in frames:
                    frames[feeds] = hub.feeds.heartbeat(feeds)
                try:
                    subscriber.tell(frames[feeds])
                except Exception as error:  # noqa: BLE001  # logged there
                    hub.fail(subscriber, error)
