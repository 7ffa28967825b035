"""Shared stops: two feeds with an ingester each, one board that shows both."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from feeds.config import Endpoint, Feed
from feeds.gtfs.schedule_import import import_schedule
from feeds.ingest.fetch import http_client
from feeds.ingest.guests import SILENT
from feeds.ingest.ingester import Ingester
from schemas.database import connect, migrate
from schemas.live import LiveStore
from tests.agency import Agency, served
from tests.timetables import message, posix, trip_update

NOON = posix("07:55:00")
PATIENCE = 60.0
HOST, GUEST = "metro:a", "bus:b"


def late(seconds: int) -> bytes:
    return message(trip_update("t", {"stop_sequence": 1, "departure": seconds}), timestamp=NOON)


@dataclass
class Two:
    """Metro, whose stop `a` also shows stop `b` of bus; both have the small city's schedule."""

    live: LiveStore
    client: httpx.AsyncClient
    database_url: str
    agencies: dict[str, Agency]
    tasks: dict[str, tuple[Ingester, asyncio.Task[None]]] = field(default_factory=dict)

    def start(self, feed_id: str) -> Ingester:
        endpoint = Endpoint(url=self.agencies[feed_id].url, interval=0.05, clock=True)
        ingester = Ingester(
            feed_id, Feed(endpoints=(endpoint,)), self.live, database_url=self.database_url,
            client=self.client, owner="one", shares={"a": [GUEST]} if feed_id == "metro" else None,
        )  # fmt: skip
        self.tasks[feed_id] = (ingester, asyncio.create_task(ingester.run()))
        return ingester

    async def stop(self, feed_id: str) -> None:
        ingester, task = self.tasks.pop(feed_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ingester.release()

    async def board(self, stop: str) -> Any:
        [stored] = await self.live.boards([stop])
        return stored.board() if stored else None

    async def shown(self, stop: str) -> list[tuple[str, str | None, int | None]]:
        """Route, platform and departure of each arrival."""
        arrivals = ((await self.board(stop)) or {"arrivals": {}})["arrivals"].values()
        return sorted((a["route_id"], a.get("stop_id"), a.get("departure")) for a in arrivals)

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110  # what it asks sets no event
                await asyncio.sleep(0.02)

    async def until_shown(self, stop: str, *expected: tuple[str, str | None, int | None]) -> None:
        async def shown() -> bool:
            return await self.shown(stop) == sorted(expected)

        await self.until(shown)

    async def fall_silent(self, feed_id: str) -> None:
        """As if its owner had died long ago."""
        await self.stop(feed_id)
        state = (await self.live.feeds())[feed_id]
        lease = await self.live.acquire(feed_id, "nobody", PATIENCE)
        assert lease is not None
        await self.live.tell(lease, replace(state, beat=state.beat - SILENT - 1))
        await self.live.renew(lease, 0)


@pytest.fixture
async def two(
    valkey_url: str, postgres_url: str, gtfs_zip: Callable[..., Path]
) -> AsyncIterator[Two]:
    await migrate(postgres_url)
    live = LiveStore.connect(valkey_url)
    await live.redis.flushall()
    async with AsyncExitStack() as stack:
        agencies = {
            feed_id: await stack.enter_async_context(served(Agency(clock=NOON, body=late(60))))
            for feed_id in ("metro", "bus")
        }
        client = await stack.enter_async_context(http_client())
        async with connect(postgres_url) as connection:
            for feed_id in agencies:
                await import_schedule(str(gtfs_zip()), feed_id, connection)
        two = Two(live, client, postgres_url, agencies)
        yield two
        for feed_id in list(two.tasks):
            await two.stop(feed_id)
    await live.close()


METRO = ("metro:r", None, posix("08:01:00"))
BUS = ("bus:r", "b", posix("08:12:00"))


async def test_a_guests_calls_stand_on_the_hosts_board_and_follow_their_own(two: Two) -> None:
    two.start("metro")
    await two.until_shown(HOST, METRO)
    two.start("bus")
    await two.until_shown(HOST, METRO, BUS)
    assert (await two.board(HOST))["routes"].keys() == {"metro:r", "bus:r"}
    two.agencies["bus"].body = late(300)
    await two.until_shown(HOST, METRO, ("bus:r", "b", posix("08:16:00")))
    two.agencies["metro"].body = late(120)
    await two.until_shown(
        HOST, ("metro:r", None, posix("08:02:00")), ("bus:r", "b", posix("08:16:00"))
    )
    assert await two.shown(GUEST) == [("bus:r", None, posix("08:16:00"))]


async def test_guests_whose_owner_is_silent_disappear_until_it_speaks_again(two: Two) -> None:
    two.start("bus")
    two.start("metro")
    await two.until_shown(HOST, METRO, BUS)
    await two.fall_silent("bus")
    await two.until_shown(HOST, METRO)
    two.start("bus")
    await two.until_shown(HOST, METRO, BUS)


async def test_guests_whose_board_is_gone_disappear(two: Two) -> None:
    two.start("bus")
    two.start("metro")
    await two.until_shown(HOST, METRO, BUS)
    await two.stop("bus")
    await two.live.redis.delete("stopcast:board:{bus:b}")
    await two.until_shown(HOST, METRO)


async def test_a_restarted_host_goes_on_from_what_stands_guests_included(two: Two) -> None:
    two.start("bus")
    two.start("metro")
    await two.until_shown(HOST, METRO, BUS)
    await two.until(lambda: complete(two.live, "metro"))
    before = await two.board(HOST)
    await two.stop("metro")
    two.start("metro")
    await two.agencies["metro"].polled(5)
    assert await two.board(HOST) == before
    two.agencies["bus"].body = late(300)
    await two.until_shown(HOST, METRO, ("bus:r", "b", posix("08:16:00")))


async def complete(live: LiveStore, feed_id: str) -> bool:
    state = (await live.feeds()).get(feed_id)
    return state is not None and state.complete
