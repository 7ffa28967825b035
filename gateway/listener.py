"""What a process hears of its followed stops: one pub/sub connection per shard.

redis-py's PubSub reconnects and subscribes again without a word, so nobody would know that messages
were missed. This speaks to each connection directly: when one breaks, or a slot moves, the hearer
is told what it may have missed (`interrupted`), until each stop is `confirmed` again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from redis.exceptions import MovedError

from gateway.counts import Counts
from gateway.link import Link
from gateway.supervision import supervised
from schemas import keys, shards
from schemas.live import LiveStore, LiveStoreError
from schemas.shards import Shard
from schemas.tasks import cancellable


class Hearer(Protocol):
    """Who gets the messages (the Hub)."""

    counts: Counts

    @property
    def topics(self) -> Collection[str]: ...
    def connected(self) -> None: ...
    def interrupted(self, stop_ids: Iterable[str]) -> None: ...
    def confirmed(self, stop_id: str) -> None: ...
    def receive(self, stop_id: str, data: bytes) -> None: ...


class Listener:
    """Keeps each followed stop subscribed at the shard that has it."""

    def __init__(self, live: LiveStore) -> None:
        self._shards = live.shards
        self._links: dict[str, Link] = {}
        self._homes: dict[str, Link] = {}  # of the stops that are followed
        self._running = False
        self._begin: Callable[[Link], object]  # while it runs

    def follow(self, stop_id: str) -> None:
        """Subscribe; `confirmed` tells when it holds. Before it runs, `run` will do it."""
        if self._running:
            self._place(stop_id)

    def unfollow(self, stop_id: str) -> None:
        if link := self._homes.pop(stop_id, None):
            link.unfollow(stop_id)

    async def run(self, hearer: Hearer) -> None:
        """Listen to every shard for ever; each begins again by itself after an error.

        Raises:
            LiveStoreError: it could not be learnt which shards there are.
        """
        try:
            await self._refresh()
            hearer.interrupted(hearer.topics)
            async with asyncio.TaskGroup() as tasks:
                self._begin = lambda link: tasks.create_task(
                    supervised("listener", lambda: self._listen(link, hearer), hearer.counts)
                )
                self._running = True
                for shard in self._shards.masters():
                    self._link(shard)
                for stop_id in hearer.topics:
                    self._place(stop_id)
        finally:
            self._running = False
            self._links.clear()
            self._homes.clear()

    async def moved(self, link: Link, error: MovedError) -> None:
        """A shard has said that a slot is another's: its stops are followed there."""
        await self._shards.moved(error)
        for stop_id in [stop for stop, slot in link.stops.items() if slot == error.slot_id]:
            self._place(stop_id)

    async def _listen(self, link: Link, hearer: Hearer) -> None:
        # It may have failed because others have its slots now.
        await self._refresh()
        for stop_id in tuple(link.stops):
            self._place(stop_id)
        if link.name not in {shard.name for shard in self._shards.masters()}:
            await link.wanted()
        await link.run(self, hearer)

    async def _refresh(self) -> None:
        try:
            with cancellable():
                await self._shards.refresh()
        except shards.ERRORS as error:
            raise LiveStoreError(f"Redis: {error}") from error

    def _place(self, stop_id: str) -> None:
        slot = self._shards.slot(keys.channel(stop_id))
        if before := self._homes.get(stop_id):
            del before.stops[stop_id]
        self._homes[stop_id] = link = self._link(self._shards.shard(slot))
        link.follow(stop_id, slot)

    def _link(self, shard: Shard) -> Link:
        link = self._links.get(shard.name)
        if link is None:
            link = self._links[shard.name] = Link(shard)
            self._begin(link)
        return link
