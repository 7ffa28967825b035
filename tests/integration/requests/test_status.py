"""`GET /v1/status`."""

from tests.served import Served


async def test_the_gateways_figures_are_told(gateway: Served) -> None:
    counts = gateway.app.state.hub.counts
    counts.opened, counts.messages, counts.deliveries = 3, 4, 40
    answer = await gateway.client.get("/v1/status")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "streams": 0, "stops": 0, "opened": 3, "messages": 4, "deliveries": 40,
    }  # fmt: skip
