"""The streams as production runs them: uvloop, real sockets, a real Valkey."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
import uvloop

from schemas.live import LiveStore
from tests.client import PATIENCE
from tests.gateways import Gateway, running
from tests.publisher import Publisher


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], uvloop.Loop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def patient_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits hold on a slow machine too: gateways let through whom Redis does not answer about in time."""
    monkeypatch.setattr("gateway.limits.ledger.DEADLINE", PATIENCE)


@pytest.fixture
async def live(valkey_url: str) -> AsyncIterator[LiveStore]:
    store = LiveStore.connect(valkey_url)
    await store.redis.flushall()
    yield store
    await store.close()


@pytest.fixture
async def demo(live: LiveStore) -> Publisher:
    """The owner of feed `demo`."""
    return await Publisher.own(live)


@pytest.fixture
def run(live: LiveStore, valkey_url: str) -> Callable[..., AbstractAsyncContextManager[Gateway]]:
    """`async with run(setting=…) as gateway`, against an empty Redis."""
    del live  # emptied it
    return partial(running, valkey_url)


@pytest.fixture
async def gateway(live: LiveStore, valkey_url: str) -> AsyncIterator[Gateway]:
    del live
    async with running(valkey_url) as gateway:
        yield gateway
