"""The streams as production runs them: uvloop, real sockets, a real Valkey."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
import uvloop

from gateway.limits.ledger import COUNT
from schemas.commands import Script
from schemas.live import LiveStore
from tests.gateways import Gateway, running
from tests.limited import Clock
from tests.patience import patient_limits
from tests.publisher import Publisher


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], uvloop.Loop]]:
    return {"uvloop": uvloop.new_event_loop}


# What a stream brings is what a test has published, and no heartbeats unless it asks for them.
QUIET = {"heartbeat": 3600}
TIME = "redis.call('TIME')"


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Gateways, for one, let through whom Redis does not answer about in time."""
    with patient_limits():
        yield


@pytest.fixture
async def live(valkey_url: str) -> AsyncIterator[LiveStore]:
    store = LiveStore.connect(valkey_url)
    try:
        await store.redis.flushall()
        yield store
    finally:
        await store.close()


@pytest.fixture
async def demo(live: LiveStore) -> Publisher:
    """The owner of feed `demo`."""
    return await Publisher.own(live)


@pytest.fixture
def run(live: LiveStore, valkey_url: str) -> Callable[..., AbstractAsyncContextManager[Gateway]]:
    """`async with run(setting=…) as gateway`, against an empty Redis."""
    del live  # emptied it
    return partial(running, valkey_url, **QUIET)


@pytest.fixture
async def gateway(live: LiveStore, valkey_url: str) -> AsyncIterator[Gateway]:
    del live
    async with running(valkey_url, **QUIET) as gateway:
        yield gateway


@pytest.fixture
async def clock(live: LiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """For limits of gateways of this process; a Redis that has not the key goes by its own clock."""
    assert COUNT.text.count(TIME) == 1
    path = tmp_path / "count.lua"
    told = f"{{redis.call('GET', '{Clock.KEY}') or {TIME}[1], 0}}"
    path.write_text(COUNT.text.replace(TIME, told))
    monkeypatch.setattr("gateway.limits.ledger.COUNT", Script(path))
    clock = Clock(live.redis, int(time.time()))
    await clock.pass_time(0)
    return clock
