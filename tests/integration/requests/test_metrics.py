"""`GET /metrics`."""

import asyncio
import re
import time
from dataclasses import fields
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.counts import Counts
from gateway.loop_delay import INTERVAL
from gateway.metrics import _COUNTERS, _HISTOGRAMS, _LABELLED, GatewayCollector
from tests.client import PATIENCE
from tests.served import Served

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


async def scrape(gateway: Served) -> dict[tuple[str, str], float]:
    """Values by name and by their labels, joined in the order of their names."""
    answer = await gateway.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_hubs_counts_and_the_process_are_told(gateway: Served) -> None:
    counts = gateway.app.state.hub.counts
    counts.opened, counts.deliveries = 3, 40
    counts.goodbyes["draining"] += 2
    await gateway.client.get("/nowhere")
    values = await scrape(gateway)
    assert values["stopcast_gateway_streams", ""] == 0
    assert values["stopcast_gateway_streams_opened_total", ""] == 3
    assert values["stopcast_gateway_deliveries_total", ""] == 40
    assert values["stopcast_gateway_goodbyes_total", "draining"] == 2
    assert values["stopcast_gateway_requests_total", "404"] == 1
    assert values["process_resident_memory_bytes", ""] > 0


async def test_what_alerts_ask_for_begins_at_zero(gateway: Served) -> None:
    """Prometheus sees no increase in a series that begins at 1."""
    values = await scrape(gateway)
    assert values["stopcast_gateway_requests_total", "500"] == 0
    assert values["stopcast_gateway_goodbyes_total", "overloaded"] == 0


async def test_each_feed_is_told(gateway: Served) -> None:
    await gateway.tell(status="stale", complete=False, now=1000.0, timestamp=940, rate=0.0)
    values = await scrape(gateway)
    assert values["stopcast_feed_live", "demo"] == 0
    assert values["stopcast_feed_complete", "demo"] == 0
    assert values["stopcast_feed_data_age_seconds", "demo"] == 60


async def test_what_is_wrong_with_each_endpoint_is_told(gateway: Served) -> None:
    """`endpoint` is a position, since two URLs may differ in what must not be shown."""
    found = {"count": 7, "fate": "dropped", "example": "t: stop_id q"}
    good = {
        "polls": 4, "failures": 1, "last_success": 940, "quality": {"stop_unknown": found},
        "messages": 3, "fetch_seconds": 1.5, "decode_seconds": 0.25,
    }  # fmt: skip
    await gateway.tell(report={"endpoints": [good, {"polls": 2, "failures": 2, "quality": {}}]})
    values = await scrape(gateway)
    assert values["stopcast_endpoint_polls_total", "1demo"] == 2
    assert values["stopcast_endpoint_poll_failures_total", "0demo"] == 1
    assert values["stopcast_endpoint_messages_total", "0demo"] == 3
    assert values["stopcast_endpoint_fetch_seconds_total", "0demo"] == 1.5
    assert values["stopcast_endpoint_decode_seconds_total", "0demo"] == 0.25
    assert values["stopcast_endpoint_last_success_seconds", "0demo"] == 940
    assert ("stopcast_endpoint_last_success_seconds", "1demo") not in values
    assert values["stopcast_endpoint_findings_total", "0demostop_unknown"] == 7


async def test_what_a_feed_publishes_is_told(gateway: Served) -> None:
    await gateway.tell(report={"publishing": {"boards": 12, "seconds": 0.75}})
    values = await scrape(gateway)
    assert values["stopcast_feed_boards_published_total", "demo"] == 12
    assert values["stopcast_feed_publish_seconds_total", "demo"] == 0.75


async def test_whether_redis_and_postgres_answer_is_told(gateway: Served) -> None:
    """Postgres is away here."""
    await gateway.app.state.stores.look()
    values = await scrape(gateway)
    assert values["stopcast_gateway_store_up", "redis"] == 1
    assert 0 < values["stopcast_gateway_store_seconds", "redis"] < PATIENCE
    assert values["stopcast_gateway_store_up", "postgres"] == 0
    assert ("stopcast_gateway_store_seconds", "postgres") not in values


async def test_a_turn_that_takes_long_is_a_loop_delay(gateway: Served) -> None:
    time.sleep(3 * INTERVAL)  # noqa: ASYNC251  # it is the point
    async with asyncio.timeout(PATIENCE):
        while (await scrape(gateway))["stopcast_gateway_loop_delay_seconds_sum", ""] < INTERVAL:  # noqa: ASYNC110  # there is no event
            await asyncio.sleep(INTERVAL)


async def test_openmetrics_is_spoken_to_those_who_ask(gateway: Served) -> None:
    answer = await gateway.client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_everything_that_is_counted_is_a_metric() -> None:
    assert {field.name for field in fields(Counts)} == {*_COUNTERS, *_LABELLED, *_HISTOGRAMS}


async def test_the_documentation_lists_each_metric_as_it_is(gateway: Served) -> None:
    state = gateway.app.state
    told = {
        (metric.name + "_total" * (metric.type == "counter"), metric.documentation)
        for metric in GatewayCollector(state).collect()
    }
    rows = re.findall(
        r"^\| `(stopcast_\w+)` \|[^|]*\| (.*) \|$", OPERATIONS.read_text(), re.MULTILINE
    )
    assert set(rows) == told
