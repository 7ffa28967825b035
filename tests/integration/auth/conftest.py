"""Gateways that ask for tokens, before a real Valkey and a real schedule in Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import asyncpg
import pytest
import uvloop
from sqlalchemy.engine import make_url

from feeds.gtfs.schedule_import import import_schedule
from schemas import database
from schemas.live import LiveStore
from tests.gateways import Gateway, running
from tests.patience import patient_limits
from tests.publisher import Publisher
from tests.small_city import SMALL_CITY


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], uvloop.Loop]]:
    return {"uvloop": uvloop.new_event_loop}


async def _prepare(server: str, url: str, zip_path: Path) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute("DROP DATABASE IF EXISTS gateway_auth WITH (FORCE)")
    await connection.execute("CREATE DATABASE gateway_auth")
    await connection.close()
    await database.migrate(url)
    async with database.connect(url) as target:
        await import_schedule(str(zip_path), "demo", target)


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with patient_limits():
        yield


@pytest.fixture(scope="session")
def schedule(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with the small city as feed `demo`."""
    path = tmp_path_factory.mktemp("auth") / "gtfs.zip"
    with ZipFile(path, "w") as archive:
        for name, text in SMALL_CITY.items():
            archive.writestr(name, text)
    url = make_url(postgres_url).set(database="gateway_auth").render_as_string(hide_password=False)
    asyncio.run(_prepare(postgres_url, url, path))
    return url


@pytest.fixture
async def demo(valkey_url: str) -> AsyncIterator[Publisher]:
    """The owner of feed `demo`, with boards a and b."""
    live = LiveStore.connect(valkey_url)
    try:
        await live.redis.flushall()
        publisher = await Publisher.own(live)
        await publisher.publish(publisher.stop("a"), publisher.stop("b"))
        yield publisher
    finally:
        await live.close()


@pytest.fixture
def run(valkey_url: str, demo: Publisher) -> Callable[..., AbstractAsyncContextManager[Gateway]]:
    """`async with run(setting=…) as gateway`."""
    del demo  # it is there first
    return partial(running, valkey_url)
