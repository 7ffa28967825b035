"""Polling one endpoint, for ever: the newest message waits until somebody takes it."""

import asyncio
import random
import time

import structlog

from feeds.ingest.board_clock import BoardClock
from feeds.ingest.endpoint_health import EndpointHealth
from feeds.ingest.fetch import Fetcher, FetchError
from schemas.tracing import span

LONGEST_BACKOFF = 60.0  # seconds; an agency's server that is ill is left alone for so long
FIRST_BACKOFF = 1.0  # as long as it has not answered: it may only be starting, as we are

log = structlog.get_logger()


class Poller:
    """One endpoint: its fetcher, its health, and the message that was not taken yet.

    `answered`: a message could be used since it was asked for everything.
    """

    def __init__(
        self, feed_id: str, fetcher: Fetcher, expiry: float, clock: BoardClock, news: asyncio.Event
    ) -> None:
        """`news` is set when a message waits, or a poll has failed."""
        self.fetcher = fetcher
        self.health = EndpointHealth(fetcher.endpoint.interval, expiry, time.time())
        self.answered = False
        self._clock = clock
        self._news = news
        self._waiting: bytes | None = None
        self._failures = 0
        self.named = {"stopcast.feed": feed_id, "stopcast.endpoint": fetcher.shown}  # in traces
        self._log = log.bind(feed=feed_id, endpoint=fetcher.shown)

    def take(self) -> bytes | None:
        """The newest message, once."""
        data, self._waiting = self._waiting, None
        return data

    def forget(self) -> None:
        """Ask for everything again."""
        self._waiting = None
        self.answered = False
        self.fetcher.forget()

    async def run(self) -> None:
        """Poll at the endpoint's interval; where it fails, less and less often."""
        while True:
            await self._poll()
            await asyncio.sleep(self._delay())

    async def _poll(self) -> None:
        began = time.monotonic()
        try:
            with span("poll", self.named):
                answer = await self.fetcher.fetch()
        except FetchError as error:
            self.refuse(error.kind, str(error))
            return
        finally:
            self.health.fetched(time.monotonic() - began)
        if answer.clock and self.fetcher.endpoint.clock:
            self._clock.hear(answer.clock)
        if answer.data is None:
            if self._waiting is None and not self._failures:
                self.health.succeeded(time.time())
        else:
            self._waiting = answer.data
        self._news.set()

    def accept(self) -> None:
        """The message that was taken could be used."""
        if self._failures:
            self._log.info("endpoint_recovered", failures=self._failures)
        self._failures = 0
        self.answered = True
        self.health.succeeded(time.time())

    def refuse(self, kind: str, why: str) -> None:
        """No message came, or the one that was taken could not be used."""
        self._failures += 1
        if self._failures == 1:  # once; the rest is in the counts
            self._log.warning("endpoint_failed", kind=kind, error=why)
        self.health.failed(f"{kind}: {why}")
        self.fetcher.forget()  # what was refused must not be answered with "not modified"
        self._news.set()

    def _delay(self) -> float:
        interval = self.fetcher.endpoint.interval
        if not self._failures:
            return interval
        shortest = interval if self.answered else min(interval, FIRST_BACKOFF)
        longest = max(interval, LONGEST_BACKOFF)
        jitter = random.uniform(0.8, 1.2)  # noqa: S311  # no secret
        return min(shortest * 2.0 ** (self._failures - 1), longest) * jitter
