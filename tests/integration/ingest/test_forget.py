"""`stopcast feeds forget`: what an ingester left behind, and nothing else, is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import stopcast
from feeds.config import Feed
from feeds.gtfs.schedule_import import import_schedule
from feeds.ingest.fetch import http_client
from feeds.ingest.ingester import Ingester
from feeds.remains import FeedInUseError
from schemas import frames, keys
from schemas.database import connect, migrate
from schemas.live import LiveStore
from schemas.stored_board import Message

PATIENCE = 60.0
STOPS = ["a", "b", "c"]


class World:
    """Feeds that were ingested for a while."""

    def __init__(self, live: LiveStore, redis_url: str, database_url: str, zipped: Path) -> None:
        self.live = live
        self.zipped = zipped
        self.database_url = database_url
        self._environment = {"REDIS_URL": redis_url, "DATABASE_URL": database_url}

    async def forget(self, *arguments: str) -> Result:
        """By the command; its own errors are raised."""
        return await asyncio.to_thread(
            CliRunner(env=self._environment).invoke,
            stopcast.cli,
            ["feeds", "forget", *arguments],
        )

    async def ingest(self, feed_id: str) -> Ingester:
        """Until all boards are there; who did it still owns the feed."""
        async with connect(self.database_url) as connection:
            await import_schedule(str(self.zipped), feed_id, connection)
        async with http_client() as client:
            ingester = Ingester(
                feed_id, Feed(), self.live,
                database_url=self.database_url, client=client, owner=f"{feed_id}-owner",
            )  # fmt: skip
            running = asyncio.create_task(ingester.run())
            async with asyncio.timeout(PATIENCE):
                while not ingester.publisher.complete:  # noqa: ASYNC110  # it sets no event
                    await asyncio.sleep(0.02)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert ingester._lease is not None
        await self.live.tell(ingester._lease, ingester.state())
        return ingester

    async def ingested(self, *feeds: str) -> None:
        for feed_id in feeds:
            await (await self.ingest(feed_id)).release()

    async def keys(self) -> set[str]:
        return {key.decode() async for key in self.live.redis.scan_iter()}

    async def tables(self) -> set[str]:
        async with connect(self.database_url) as connection:
            rows = await connection.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_v[0-9]+$'"
            )
        return {row["relname"] for row in rows}


@pytest.fixture
async def world(
    valkey_url: str, postgres_url: str, gtfs_zip: Callable[..., Path]
) -> AsyncIterator[World]:
    await migrate(postgres_url)
    async with connect(postgres_url) as connection:
        await connection.execute("DELETE FROM schedules")
    live = LiveStore.connect(valkey_url)
    await live.redis.flushall()
    yield World(live, valkey_url, postgres_url, gtfs_zip())
    await live.close()


async def test_without_yes_it_only_tells_what_there_is(world: World) -> None:
    await world.ingested("city")
    before = await world.keys(), await world.tables()
    told = await world.forget("city")
    assert told.exit_code == 0
    assert "Postgres: version " in told.output
    assert "gtfs.zip" in told.output
    assert f"Redis: {len(STOPS)} boards" in told.output
    assert "--yes" in told.output
    assert before == (await world.keys(), await world.tables())


async def test_all_of_it_goes_and_the_other_feeds_stay(world: World) -> None:
    await world.ingested("other")
    others = await world.keys(), await world.tables()
    await world.ingested("city")
    done = await world.forget("city", "--yes")
    assert done.exit_code == 0, done.output
    assert f"removed city and {len(STOPS)} boards of it" in done.output
    assert others == (await world.keys(), await world.tables())
    assert await world.live.known() == {"other"}


async def test_again_there_is_nothing_to_do(world: World) -> None:
    await world.ingested("city", "other")
    await world.forget("city", "--yes")
    again = await world.forget("city", "--yes")
    assert (again.exit_code, again.output) == (
        0,
        "nothing is left of a feed 'city'; there are other\n",
    )


async def test_a_feed_that_is_ingested_is_left_alone(world: World) -> None:
    ingester = await world.ingest("city")
    before = await world.keys(), await world.tables()
    assert "owned by city-owner" in (await world.forget("city")).output
    refused = await world.forget("city", "--yes")
    assert isinstance(refused.exception, FeedInUseError)
    assert "owned by city-owner" in str(refused.exception)
    assert before == (await world.keys(), await world.tables())
    await ingester.release()
    assert (await world.forget("city", "--yes")).exit_code == 0


async def test_who_follows_a_stop_is_told_that_it_is_gone(world: World) -> None:
    await world.ingested("city")
    version = 9_000_000_000_000_000  # of an owner whose clock was ahead
    ahead: Any = {"version": version, "base": version}
    await world.live.redis.hset(keys.board("city:a"), mapping=ahead)
    async with world.live.redis.pubsub() as pubsub:
        await pubsub.ssubscribe(keys.channel("city:a"))
        await pubsub.get_message(timeout=PATIENCE)
        await world.forget("city", "--yes")
        received = await pubsub.get_message(timeout=PATIENCE)
        assert received is not None
        message = Message.decode(received["data"])
    assert message.frame == frames.gone("city:a")
    assert message.version > version


async def test_what_was_interrupted_is_finished_the_next_time(world: World) -> None:
    """Some boards are gone, the schedule is, and nobody told which stops there are."""
    await world.ingested("city")
    await world.live.redis.delete(keys.board("city:a"), keys.feed("city"))
    async with connect(world.database_url) as connection:
        await connection.execute("DELETE FROM schedules")
    done = await world.forget("city", "--yes")
    assert "removed city and 2 boards" in done.output
    assert (await world.keys(), await world.tables()) == (set(), set())


async def test_boards_of_an_owner_that_ended_before_its_word_go_too(world: World) -> None:
    await world.ingested("city")
    await world.live.redis.delete(keys.stops("city"))
    await world.forget("city", "--yes")
    assert await world.keys() == set()


async def test_tables_that_a_reader_holds_go_with_the_next_import(world: World) -> None:
    await world.ingested("city")
    async with connect(world.database_url) as reader, reader.transaction():
        await reader.execute("LOCK TABLE stops IN ACCESS SHARE MODE")
        done = await world.forget("city", "--yes")
    assert "the next import drops" in done.output
    assert await world.tables()
    await world.ingested("other")
    async with connect(world.database_url) as connection:
        version = await connection.fetchval("SELECT version FROM schedules")
    assert {name.rpartition("_v")[2] for name in await world.tables()} == {str(version)}
