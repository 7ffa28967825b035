"""Brings boards from Redis: for new topics, after missed messages, and to compare what stands."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.topic import State, Topic
from schemas.arrivals import StopId
from schemas.live import LiveStore

if TYPE_CHECKING:
    from gateway.hub import Hub


class Fetcher:
    """One fetch at a time for all topics: what is wanted meanwhile goes with the next pipeline."""

    def __init__(self, live: LiveStore) -> None:
        self._live = live
        self._wanted: set[Topic] = set()
        self._work = asyncio.Event()

    def want(self, topics: Iterable[Topic]) -> None:
        """Bring these topics up to date: a new board, or a look whether theirs still stands."""
        self._wanted.update(topics)
        self._work.set()

    async def run(self, hub: "Hub") -> None:
        """Fetch what is wanted, for ever.

        Raises:
            LiveStoreError: Redis is away; what was wanted still is.
        """
        while True:
            await self._work.wait()
            self._work.clear()
            batch, self._wanted = self._wanted, set()
            try:
                await self._compare(hub, batch)
                await self._fetch(hub, batch)
            except BaseException:
                self.want(batch)
                raise

    async def _compare(self, hub: "Hub", batch: Iterable[Topic]) -> None:
        """Find topics that are behind what Redis holds; the others are beyond doubt."""
        # One whose tail is too long, too: that it needs a board says nothing of what it missed.
        settled = [t for t in batch if t.state is not State.FETCHING and not t.behind]
        versions = await self._live.versions([topic.stop_id for topic in settled])
        absent = []
        for topic, version in zip(settled, versions, strict=True):
            if version is None:
                absent.append(topic)
            if (version or 0) > topic.version:
                topic.behind = True
                hub.doubtful.add(topic)
                hub.counts.healed += 1
            else:
                self._settle(hub, topic)
        if absent:
            await self._retire(hub, absent)

    async def _retire(self, hub: "Hub", absent: Sequence[Topic]) -> None:
        """End those of the topics without a board whose stops have left the schedule.

        Only what Redis says from here on, in this order, proves it: it may have been emptied a
        moment ago, and the boards may have been written since they were found missing.
        """
        await hub.feeds.poll()
        versions = await self._live.versions([topic.stop_id for topic in absent])
        for topic, version in zip(absent, versions, strict=True):
            if version is None and hub.feeds.complete(StopId.parse(topic.stop_id).feed_id):
                hub.publish(topic, *topic.retire())

    async def _fetch(self, hub: "Hub", batch: Iterable[Topic]) -> None:
        topics = [topic for topic in batch if topic.needs_board]
        boards = await self._live.boards([topic.stop_id for topic in topics])
        for topic, board in zip(topics, boards, strict=True):
            if topic.state is State.LIVE and not topic.behind:
                hub.counts.base_swaps += 1
            self._settle(hub, topic)
            hub.publish(topic, *topic.fetched(board))

    def _settle(self, hub: "Hub", topic: Topic) -> None:
        if topic not in self._wanted:  # else a message was missed while Redis was asked
            hub.doubtful.discard(topic)

    async def sweep(self, hub: "Hub") -> None:
        """Compare all followed boards now and then: nothing silent stays wrong for long."""
        while True:
            await asyncio.sleep(hub.settings.sweep)
            # First the feeds: `complete` is no news of boards that were written since.
            await hub.feeds.poll()
            self.want(hub.topics.values())
