"""A gateway before a real Valkey; Postgres is away, unless a module says where it is."""

from collections.abc import AsyncIterator, Iterator

import pytest

from schemas.live import LiveStore
from tests.gateways import running
from tests.patience import patient_limits
from tests.publisher import Publisher
from tests.served import Served


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with patient_limits():
        yield


@pytest.fixture
def database_url() -> str:
    return "postgresql://127.0.0.1:1/none"


@pytest.fixture
async def gateway(valkey_url: str, database_url: str) -> AsyncIterator[Served]:
    live = LiveStore.connect(valkey_url)
    try:
        await live.redis.flushall()
        lease = await live.acquire("demo", "test", 60)
        assert lease is not None
        async with (
            running(valkey_url, database_url=database_url) as gateway,
            gateway.http() as client,
        ):
            yield Served(gateway.app, client, Publisher(live, lease, "demo"))
    finally:
        await live.close()
