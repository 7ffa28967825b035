"""`GET /v1/status`."""

import re

from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.served import Served


async def test_the_gateways_figures_are_told(gateway: Served) -> None:
    counts = gateway.app.state.hub.counts
    counts.opened, counts.messages, counts.deliveries = 3, 4, 40
    answer = await gateway.client.get("/v1/status")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert re.fullmatch("[0-9a-f]{16}", told["gateway"])
    assert told == {
        "gateway": told["gateway"],
        "streams": 0, "stops": 0, "opened": 3, "messages": 4, "deliveries": 40,
    }  # fmt: skip


async def test_a_gateway_keeps_its_name_and_another_has_another(gateway: Served) -> None:
    first = (await gateway.client.get("/v1/status")).json()["gateway"]
    assert (await gateway.client.get("/v1/status")).json()["gateway"] == first
    assert create_app(GatewaySettings.load()).state.gateway != first
