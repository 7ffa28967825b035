"""What the gateway knows of the feeds: their owners' word, and whether the owners still speak."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import structlog

from gateway.coding import Coding, chunk
from gateway.settings import GatewaySettings
from schemas import frames
from schemas.arrivals import FeedStatus
from schemas.events import FeedFacts, FeedNews, Heartbeat
from schemas.feed_state import FeedState
from schemas.live import FEED_TTL, LiveStore, LiveStoreError

log = structlog.get_logger()


class FeedStates:
    """Every feed's state; one whose owner fell silent is `down`, whatever it said last."""

    def __init__(
        self, live: LiveStore, settings: GatewaySettings, clock: Callable[[], float] = time.time
    ) -> None:
        self.states: Mapping[str, FeedState] = {}
        self.changed: Callable[[str], None] = _nobody  # called with a feed of another status
        self.restarted: Callable[[str, int], None] = _nobody  # … and of another lineage
        self._live = live
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Look again and again. While Redis is away, what is known ages."""
        while True:
            try:
                await self.poll()
            except LiveStoreError as error:
                log.warning("feeds_not_polled", error=str(error))
                self.take({})
            await asyncio.sleep(self._settings.feed_poll)

    async def poll(self) -> None:
        """Look once, now.

        Raises:
            LiveStoreError: Redis is away.
        """
        self.take(await self._live.feeds())

    def take(self, told: Mapping[str, FeedState]) -> None:
        """Judge what the owners told, or did not tell."""
        wall = self._clock()
        before = self.states
        # A feed that is missing may be one that Redis lost: kept for as long as Redis would have,
        # but its boards may be lost too.
        kept = {
            feed: replace(state, complete=False)
            for feed, state in before.items()
            if wall - state.beat < FEED_TTL
        }
        self.states = {
            feed: replace(state, status="down") if self._silent(state, wall) else state
            for feed, state in {**kept, **told}.items()
        }
        for feed, state in self.states.items():
            if feed not in before or before[feed].status != state.status:
                self.changed(feed)
            if feed in before and before[feed].lineage != state.lineage:
                self.restarted(feed, state.lineage)

    def _silent(self, state: FeedState, wall: float) -> bool:
        return wall - state.beat > self._settings.owner_timeout

    def know(self, feeds: Iterable[str]) -> bool:
        """Whether each of these feeds was ever told of."""
        return all(feed in self.states for feed in feeds)

    def complete(self, feed_id: str) -> bool:
        """Whether all boards of this feed are there, so that a missing one means no such stop."""
        state = self.states.get(feed_id)
        return state is not None and state.complete

    def lineages(self, feeds: Iterable[str]) -> list[int | None]:
        """Of each feed; None where nothing is known."""
        states = (self.states.get(feed) for feed in feeds)
        return [state.lineage if state else None for state in states]

    def events(self, feeds: Iterable[str], coding: Coding) -> bytes:
        """A `feed` event for each feed, as one coded piece of the stream."""
        return b"".join(
            _feed_event(coding, feed, told["status"], told["timestamp"], told["now"])
            for feed in feeds
            if (told := self.told(feed))
        )

    def heartbeat(self, feeds: Iterable[str], coding: Coding) -> bytes:
        """A `heartbeat` of these feeds, as an HTTP chunk."""
        told: Heartbeat = {
            "feeds": {feed: facts for feed in feeds if (facts := self.told(feed)) is not None}
        }
        return chunk(coding.encode(frames.event("heartbeat", told)))

    def told(self, feed_id: str) -> FeedFacts | None:
        """What streams tell of a feed; None: unknown."""
        state = self.states.get(feed_id)
        if state is None:
            return None
        now = int(state.board_clock(self._clock()))
        return {"status": state.status, "timestamp": state.timestamp, "now": now}


def _nobody(*_: object) -> None:
    """Until the Hub listens."""


@lru_cache(maxsize=256)  # the same for all streams that begin within a second
def _feed_event(
    coding: Coding, feed_id: str, status: FeedStatus, timestamp: int, now: int
) -> bytes:
    news: FeedNews = {"feed_id": feed_id, "status": status, "timestamp": timestamp, "now": now}
    return coding.encode(frames.event("feed", news))
