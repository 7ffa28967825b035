"""The ingester of one feed: holds its lease, polls its endpoints, publishes what changed.

Whoever does not hold the lease stands by. Whatever goes wrong with Redis ends the ownership, and
the next one, ours or another's, begins by reading back what stands: there is one way to recover.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import httpx
import structlog

from feeds.config import Feed
from feeds.ingest.board_clock import BoardClock
from feeds.ingest.feed_state import feed_state
from feeds.ingest.fetch import Fetcher
from feeds.ingest.poller import Poller
from feeds.ingest.publisher import Publisher
from feeds.ingest.schedule_watch import ScheduleWatch
from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from schemas.feed_state import FeedState
from schemas.live import BOARD_TTL, Lease, LiveStore, LiveStoreError
from schemas.tracing import span

LEASE_TTL = 8.0  # seconds: a standby takes over within 10 …
STANDBY = 1.0  # … as it asks this often
BEAT = 2.0
HEARING = 15.0  # seconds: an endpoint that works has answered, also where it failed three times
TICK = 1.0  # seconds; calls depart and leave without a poll

log = structlog.get_logger()


class LeaseLostError(LiveStoreError):
    """The lease ran out, or Redis forgot it."""


class Ingester:
    """One feed, until the process ends."""

    def __init__(
        self,
        feed_id: str,
        feed: Feed,
        live: LiveStore,
        *,
        database_url: str,
        client: httpx.AsyncClient,
        owner: str,
        shares: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`owner` names this process among those that may own the feed.

        `shares`: stops of other feeds that this one shows too (feeds/ingest/guests.py).
        """
        self.feed_id = feed_id
        self.feed = feed
        self.live = live
        self.owner = owner
        self.clock = BoardClock(follows=any(endpoint.clock for endpoint in feed.endpoints))
        self.publisher = Publisher(feed_id, live, shares)
        self.pipeline: Pipeline | None = None
        self._news = asyncio.Event()
        self.pollers = [
            Poller(feed_id, Fetcher(endpoint, client), feed.expiry, self.clock, self._news)
            for endpoint in feed.endpoints
        ]
        self.schedule = ScheduleWatch(feed_id, database_url, self.clock.now, self._news)
        self._lease: Lease | None = None
        self._log = log.bind(feed=feed_id)

    async def run(self) -> None:
        """Stand by, own the feed, recover: never returns."""
        while True:
            try:
                lease = await self._take_lease()
                self._log.info("feed_owned", owner=self.owner, fence=lease.fence)
                await self._own(lease)
            except* LiveStoreError as errors:
                self._log.warning("feed_not_owned", error=str(_first(errors)))
            except* Exception as errors:  # noqa: BLE001  # a fault of ours must not end other feeds
                self._log.error("ingester_failed", exc_info=_first(errors))
                self._forget()
            await asyncio.sleep(STANDBY)

    async def release(self) -> None:
        """Give the lease back, so that a standby need not wait for its end."""
        if self._lease is not None:
            await self.live.renew(self._lease, 0)

    async def _take_lease(self) -> Lease:
        if self._lease and await self.live.renew(self._lease, LEASE_TTL):
            return self._lease
        while not (lease := await self.live.acquire(self.feed_id, self.owner, LEASE_TTL)):
            self._forget()  # another owns the feed, and what we heard grows old
            await asyncio.sleep(STANDBY)
        self._lease = lease
        return lease

    def _forget(self) -> None:
        self.pipeline = None
        self.schedule.forget()
        for poller in self.pollers:
            poller.forget()

    async def _own(self, lease: Lease) -> None:
        self.publisher.redis_run = ""  # nothing is told before it is known what stands
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_lease(lease))
            tasks.create_task(self._work(lease))
            for poller in self.pollers:
                tasks.create_task(poller.run())

    async def _keep_lease(self, lease: Lease) -> None:
        kept = time.monotonic()
        while True:
            if not await self.live.renew(lease, LEASE_TTL):
                raise LeaseLostError(f"feed {self.feed_id}: the lease was lost")
            if self.publisher.redis_run:
                await self.publisher.check_run()
                await self.live.tell(lease, self.state())
            if self.pipeline and time.monotonic() - kept > BOARD_TTL / 3:
                await self.publisher.keep(self.pipeline)
                kept = time.monotonic()
            await asyncio.sleep(BEAT)

    # -- the work --------------------------------------------------------------------------------

    async def _work(self, lease: Lease) -> None:
        while not self.clock.known:
            await self._wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.schedule.run())
            tasks.create_task(self._follow(lease))

    async def _follow(self, lease: Lease) -> None:
        pipeline = await self._schedule_loaded()
        if former := await self.publisher.take_over(lease, pipeline):
            self._learn_kinds(former)
        began = time.monotonic()
        while True:
            self._receive(pipeline)
            await self._switch_schedule(pipeline, lease)
            self._withdraw_expired(pipeline)
            await self.publisher.guests.look(time.time())
            if self._may_publish(time.monotonic() - began):
                was_complete = self.publisher.complete
                await self.publisher.publish(lease, pipeline, self.clock.now())
                if not was_complete:
                    self._log.info("boards_complete", boards=len(pipeline.boards.stop_ids))
                    await self.live.tell(lease, self.state())
            await self._wait()

    async def _schedule_loaded(self) -> Pipeline:
        while self.pipeline is None:
            if timetable := self.schedule.take():
                self.pipeline = Pipeline(
                    timetable, replaced_routes=self.feed.replaced_routes, quiet=self.feed.quiet
                )
            else:
                await self._wait()
        return self.pipeline

    def _learn_kinds(self, former: FeedState) -> None:
        """What each endpoint tells of is known before it has answered."""
        for poller, report in zip(self.pollers, former.report["endpoints"], strict=False):
            if report["url"] == poller.fetcher.shown:  # else stopcast.toml is another one
                poller.health.kinds.update(report.get("kinds", ()))

    async def _wait(self) -> None:
        # Not wait_for: on Python 3.11 it can swallow a cancellation that comes with the news.
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await self._news.wait()
        self._news.clear()

    def _receive(self, pipeline: Pipeline) -> None:
        for index, poller in enumerate(self.pollers):
            if (data := poller.take()) is None:
                continue
            began = time.monotonic()
            try:
                with span("take_in", poller.named):
                    pipeline.poll(index, data, self.clock.now())
            except DecodeError as error:
                poller.refuse(error.kind, str(error))
            else:
                poller.health.kinds |= pipeline.kinds[index]
                poller.accept()
            finally:
                poller.health.decoded(time.monotonic() - began)

    async def _switch_schedule(self, pipeline: Pipeline, lease: Lease) -> None:
        if timetable := self.schedule.take():
            gone = pipeline.switch(timetable, self.clock.now())
            self._log.info("schedule_switched", version=timetable.version, gone=len(gone))
            await self.publisher.retire(lease, gone)
            self.publisher.complete = False

    def _withdraw_expired(self, pipeline: Pipeline) -> None:
        now = self.clock.now()
        for index, poller in enumerate(self.pollers):
            heard = pipeline.heard.get(index)
            if heard and poller.health.expired(heard.timestamp, now):
                self._log.warning("predictions_withdrawn", endpoint=poller.fetcher.shown)
                pipeline.withdraw(index)
            pipeline.withdraw_older(index, now - poller.health.limit)

    def _may_publish(self, waited: float) -> bool:
        """Nothing that a former owner predicted is withdrawn before all endpoints had their say.

        One that is away must not hold up what others tell of trips (docs/decisions/0006).
        """
        answered = [poller.health for poller in self.pollers if poller.answered]
        if len(answered) == len(self.pollers) or not self.publisher.predictions_stand:
            return True
        trips_heard = any(health.may_tell_trips for health in answered)
        return waited > (HEARING if trips_heard else self.feed.expiry)

    def state(self) -> FeedState:
        """The feed as it is now."""
        return feed_state(
            self.feed_id,
            owner=self.owner,
            clock=self.clock,
            publisher=self.publisher,
            pipeline=self.pipeline,
            pollers=self.pollers,
            wall=time.time(),
        )


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
