"""An agency, an ingester, Postgres, Redis and a gateway, whose every byte is held against the document."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import uvloop

from feeds.config import Endpoint, Feed
from feeds.gtfs.schedule_import import import_schedule
from feeds.ingest.fetch import http_client
from feeds.ingest.ingester import Ingester
from feeds.sources.clock import Reading
from feeds.sources.source import Messages, Source
from schemas.database import connect, migrate
from schemas.event_reader import Event
from schemas.live import LiveStore
from tests.client import PATIENCE, BoardClient
from tests.contract import Contract
from tests.gateways import Gateway, eventually, running

FEED = "city"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], uvloop.Loop]]:
    return {"uvloop": uvloop.new_event_loop}


class JudgedClient(BoardClient):
    """Fails at the first event that the document does not describe."""

    def __init__(self, port: int, contract: Contract) -> None:
        super().__init__(port)
        self.contract = contract

    def _apply(self, event: Event) -> None:
        self.contract.check_event(event)
        super()._apply(event)


@dataclass
class City:
    """A feed at a moment that a test chooses, and a gateway that serves it."""

    contract: Contract
    gateway: Gateway
    live: LiveStore
    ingester: Ingester
    http: httpx.AsyncClient
    moment: list[float]

    async def at(self, moment: float) -> None:
        """Let it be that time, and wait until every endpoint was read since, and that is published."""
        self.moment[:] = [moment]
        health = [poller.health for poller in self.ingester.pollers]
        enough = [each.polls + 2 for each in health]
        await eventually(
            lambda: all(each.polls >= most for each, most in zip(health, enough, strict=True))
        )
        publisher = self.ingester.publisher
        before = publisher.publish_seconds
        await eventually(lambda: publisher.publish_seconds > before)

    def client(self) -> JudgedClient:
        client = JudgedClient(self.gateway.port, self.contract)
        self.gateway.clients.append(client)
        return client

    async def boards(self, stops: list[str]) -> dict[str, Any]:
        return {
            stop: stored.board()
            for stop, stored in zip(stops, await self.live.boards(stops), strict=True)
            if stored
        }

    async def agree(self, client: BoardClient, stops: list[str]) -> None:
        """Read until the client has what Redis has; the feed moves only where a test moves it."""
        async with asyncio.timeout(PATIENCE):
            while client.boards != (boards := await self.boards(stops)):
                with suppress(TimeoutError):
                    await client.read_until(partial(client.boards.__eq__, boards), 0.2)

    async def get(self, path: str, target: str, **headers: str) -> httpx.Response:
        """Ask, and hold the answer against what the document says of `path`."""
        answer = await self.http.get(target, headers=headers)
        told = {name.lower(): value for name, value in answer.headers.items()}
        self.contract.check_answer(path, answer.status_code, told, answer.content)
        return answer


Open = Callable[..., AbstractAsyncContextManager[City]]


@asynccontextmanager
async def _emptied(valkey_url: str) -> AsyncIterator[LiveStore]:
    live = LiveStore.connect(valkey_url)
    await live.redis.flushall()
    try:
        yield live
    finally:
        await live.close()


@asynccontextmanager
async def _source(messages: Messages, moment: list[float]) -> AsyncIterator[str]:
    """Its address."""
    source = Source(messages, lambda: Reading(moment[0], 0), announce_clock=True)
    server = uvicorn.Server(uvicorn.Config(source.app(), port=0, log_level="warning"))
    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def _ingesting(
    live: LiveStore, database_url: str, source: str, names: list[str]
) -> AsyncIterator[Ingester]:
    """The feed's owner, once all its boards are there."""
    endpoints = tuple(
        Endpoint(url=f"{source}/{name}", interval=0.05, clock=not number)
        for number, name in enumerate(names)
    )
    async with http_client() as client:
        ingester = Ingester(
            FEED, Feed(endpoints=endpoints, quiet=0), live,
            database_url=database_url, client=client, owner="one",
        )  # fmt: skip
        task = asyncio.create_task(ingester.run())
        try:
            await eventually(lambda: ingester.publisher.complete)
            yield ingester
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await ingester.release()


@pytest.fixture
def open_city(valkey_url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`async with open_city(schedule, messages_of, moment) as city`."""
    monkeypatch.setattr("gateway.database.TIMEOUT", PATIENCE)
    settings = {"heartbeat": 0.2, "start_timeout": PATIENCE}

    @asynccontextmanager
    async def opened(
        schedule: Path, messages: Callable[[str], Any], moment: float, **options: Any
    ) -> AsyncIterator[City]:
        await migrate(postgres_url)
        async with connect(postgres_url) as connection:
            await import_schedule(str(schedule), FEED, connection, **options)
        moments = [moment]
        told = await messages(postgres_url)
        async with (
            _emptied(valkey_url) as live,
            _source(told, moments) as url,
            _ingesting(live, postgres_url, url, [*told.names]) as ingester,
            running(valkey_url, database_url=postgres_url, **settings) as gateway,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{gateway.port}", timeout=PATIENCE
            ) as http,
        ):
            city = City(Contract(), gateway, live, ingester, http, moments)
            await city.at(moment)  # boards are complete before the last endpoint has had its say
            await gateway.app.state.feeds.poll()
            yield city

    return opened
