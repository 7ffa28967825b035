"""`/healthz` and `/readyz`."""

import pytest

from schemas.live import LiveStore
from tests.served import Served


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_working_gateway_is_alive_and_ready(
    gateway: Served, method: str, path: str
) -> None:
    answer = await gateway.client.request(method, path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_a_draining_gateway_is_alive_but_not_ready(gateway: Served) -> None:
    gateway.app.state.draining = True
    answer = await gateway.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "draining")
    assert (await gateway.client.head("/readyz")).status_code == 503
    assert (await gateway.client.get("/healthz")).status_code == 200


async def test_without_redis_it_is_alive_but_not_ready(gateway: Served) -> None:
    at_work, gateway.app.state.live = (
        gateway.app.state.live,
        LiveStore.connect("redis://127.0.0.1:1"),
    )
    ready, alive = await gateway.client.get("/readyz"), await gateway.client.get("/healthz")
    gateway.app.state.live = at_work
    assert (ready.status_code, ready.json()["code"]) == (503, "live_store_unavailable")
    assert "Redis" in ready.json()["detail"]
    assert alive.status_code == 200
