"""What a scrape tells of real streams, and that the dashboard and the alerts ask for what is told."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from schemas import frames
from schemas.stored_board import Publication
from tests.client import BoardClient
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

DOCS = Path(__file__).parents[3] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
GROUPS: Any = yaml.safe_load((DOCS / "operations/alerts.yaml").read_text())["groups"]
ALERTS: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((DOCS / "operations/grafana-dashboard.json").read_text())
PANELS: list[dict[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
VARIABLES = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
# Prometheus puts them to what it scrapes, and a gateway of several processes its number.
GIVEN = {"instance", "job", "worker"}


async def scrape(gateway: Gateway) -> dict[str, dict[str, set[str]]]:
    """By name of a sample: its labels and their values."""
    names: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(await text(gateway)):
        for sample in family.samples:
            labels = names.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return names


async def text(gateway: Gateway) -> str:
    async with gateway.http() as client:
        return (await client.get("/metrics")).text


async def value(gateway: Gateway, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (.*)$", await text(gateway), re.MULTILINE)
    assert found, series
    return float(found[1])


async def publish(demo: Publisher, stop_id: str, prev: int | None, *, age: float) -> int:
    """A version that is so many seconds old; a snapshot, or a patch of `prev`."""
    version = time.time_ns() // 1000 - round(age * 1e6)
    board = {"stop_id": stop_id, "version": version}
    frame = frames.event("patch" if prev else "snapshot", board)
    stored = None if prev else frame
    await demo.live.publish(demo.lease, [Publication(stop_id, prev, version, stored, frame)])
    return version


async def received(client: BoardClient, name: str) -> None:
    """Read until there is an event of this name."""
    await client.read_until(lambda: client.named(name))


async def test_a_delivery_is_told_with_its_bytes_and_its_delay(
    gateway: Gateway, demo: Publisher
) -> None:
    """Each stream counts, and the delay is from the version on."""
    stop = demo.stop("a")
    first = await publish(demo, stop, None, age=100)
    clients = [gateway.client() for _ in range(3)]
    for client in clients:
        await client.connect(stop)
        await received(client, "snapshot")
    snapshots = await value(gateway, 'stopcast_gateway_event_bytes_total{event="snapshot"}')
    assert snapshots > 0
    assert await value(gateway, "stopcast_gateway_publish_to_send_seconds_count") == 0
    await publish(demo, stop, first, age=20)
    for client in clients:
        await received(client, "patch")
    assert await value(gateway, "stopcast_gateway_deliveries_total") == 3
    assert await value(gateway, 'stopcast_gateway_publish_to_send_seconds_bucket{le="10.0"}') == 0
    assert await value(gateway, 'stopcast_gateway_publish_to_send_seconds_bucket{le="+Inf"}') == 3
    assert await value(gateway, "stopcast_gateway_publish_to_send_seconds_sum") > 3 * 20
    patches = await value(gateway, 'stopcast_gateway_event_bytes_total{event="patch"}')
    assert patches == 3 * len(frames.event("patch", {"stop_id": stop, "version": first}))
    assert await value(gateway, 'stopcast_gateway_event_bytes_total{event="snapshot"}') == snapshots


# -- the files -------------------------------------------------------------------------------------


@pytest.fixture
async def told(gateway: Gateway, demo: Publisher) -> dict[str, dict[str, set[str]]]:
    """All that a gateway tells once everything has happened that is only told when it has."""
    endpoint = {"last_success": 1, "quality": {"stop_unknown": {"count": 1}}}
    publishing = {"boards": 1, "seconds": 0.1}
    await demo.tell(report={"endpoints": [endpoint], "publishing": publishing})
    feeds = gateway.hub.feeds
    await eventually(lambda: "demo" in feeds.states and feeds.states["demo"].report)
    await gateway.app.state.stores.look()
    await publish(demo, demo.stop("a"), None, age=0)
    client = gateway.client()
    await client.connect(demo.stop("a"))
    await received(client, "snapshot")
    counts = gateway.hub.counts
    for counter in (counts.goodbyes, counts.token_refusals):
        counter["of_a_test"] += 1
    gateway.app.state.limits.refused["address", "streams"] += 1
    return await scrape(gateway)


def expressions() -> Iterator[tuple[str, str]]:
    for rule in ALERTS:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]


def parsed(expression: str) -> promql_parser.Expr:
    """Grafana puts in the interval, and the values of its variables."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m"))


def parts(node: Any) -> Iterator[Any]:
    """An expression and everything in it."""
    yield node
    for name in ("lhs", "rhs", "expr", "param", "vs", "vector_selector"):
        if isinstance(inner := getattr(node, name, None), promql_parser.Expr):
            yield from parts(inner)
    for argument in getattr(node, "args", ()):
        yield from parts(argument)


async def test_dashboard_and_alerts_ask_for_what_a_gateway_tells(
    told: dict[str, dict[str, set[str]]],
) -> None:
    """Each metric, and each label that is matched or grouped by."""
    for place, expression in expressions():
        nodes = list(parts(parsed(expression)))
        known = set(GIVEN)
        asked = set()
        for selector in nodes:
            if isinstance(selector, promql_parser.VectorSelector):
                name = str(selector.name)
                assert name in told, place
                matched = {matcher.name for matcher in selector.matchers.matchers}
                assert matched <= told[name].keys() | GIVEN, place
                known |= told[name].keys()
                asked.add(name)
        assert asked == set(re.findall(r"\b(?:stopcast|process)_\w+", expression)), place
        for node in nodes:
            if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
                assert set(node.modifier.labels) <= known, place


def test_every_metric_of_our_own_is_on_the_dashboard() -> None:
    documented = set(re.findall(r"^\| `(stopcast_\w+)` \|", OPERATIONS, re.MULTILINE))
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    # Counted twice over: what was opened is what was resumed.
    assert {name for name in documented if name not in shown} == {
        "stopcast_gateway_streams_opened_total"
    }


def test_dashboard_uses_no_variable_that_it_does_not_have() -> None:
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD)))
    assert used - {"__rate_interval", "__all"} == VARIABLES
    places = [panel["gridPos"].values() for panel in DASHBOARD["panels"]]
    assert len({tuple(place) for place in places}) == len(places)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n\n" in OPERATIONS


def test_there_is_no_advice_about_an_alert_that_does_not_exist() -> None:
    advice = re.findall(r"^### (Stopcast\w+)$", OPERATIONS, re.MULTILINE)
    assert advice == [rule["alert"] for rule in ALERTS]
