"""`/metrics` for Prometheus: the Hub's plain counters, read when somebody asks.

docs/operations.md lists every metric; a test keeps the two equal.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.admin import Admin
from gateway.feed_metrics import feed_metrics
from gateway.feed_states import FeedStates
from gateway.hub import Hub
from gateway.limits.limits import Limits
from gateway.stores import Stores

# A field of Counts: the metric's name after the prefix, and its help.
_COUNTERS = {
    "opened": ("streams_opened", "Streams opened."),
    "messages": ("messages", "Messages received from Redis for a followed stop."),
    "deliveries": ("deliveries", "Events handed to streams because of messages."),
    "conflations": ("conflations", "Times a stream began to lag, so that it gets snapshots."),
    "frozen": ("streams_frozen", "Streams aborted because the client took nothing."),
    "unfinished": ("requests_unfinished", "Connections cut because their request did not end."),
    "crowded_out": ("connections_crowded_out", "Idle connections closed for lack of room."),
    "failed": ("streams_failed", "Streams aborted because writing to them raised."),
    "gaps": ("message_gaps", "Messages that did not follow the version before."),
    "healed": ("boards_healed", "Boards that a comparison with Redis brought up to date."),
    "base_swaps": ("base_swaps", "Tails of patches replaced by a fresh snapshot."),
    "listener_connects": ("listener_connects", "Connections of the Listener to shards of Redis."),
    "restarts": ("task_restarts", "Background tasks restarted after an error."),
}
_LABELLED = {
    "event_bytes": ("event_bytes", "event", "Bytes of events handed to streams, before gzip."),
    "resumes": ("resumes", "cursor", "Streams by what their cursor was worth."),
    "goodbyes": ("goodbyes", "reason", "Streams closed by the gateway."),
    "token_refusals": ("token_refusals", "reason", "Tokens that were not accepted."),
    "requests": ("requests", "status", "Answers by HTTP status; 0: the client left before."),
}
# Prometheus sees no increase in a series that begins at 1: what alerts ask for begins at 0.
_FROM_ZERO: Mapping[str, Mapping[Any, int]] = {"goodbyes": {"overloaded": 0}, "requests": {500: 0}}
_HISTOGRAMS = {
    "publish_to_send": (
        "publish_to_send_seconds",
        "From a board's version to the write of its events, once for each stream.",
    ),
    "loop_delay": ("loop_delay_seconds", "How late the event loop was, by ten samples a second."),
}
_PREFIX = "stopcast_gateway_"


class GatewayCollector(Collector):
    """The metrics of one gateway process, and of the feeds as it sees them."""

    def __init__(self, state: State) -> None:
        self.hub: Hub = state.hub
        self.feeds: FeedStates = state.feeds
        self.limits: Limits = state.limits
        self.stores: Stores = state.stores

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._counters()
        yield from self._histograms()
        yield from _of_stores(self.stores)
        yield from _of_limits(self.limits)
        yield from feed_metrics(self.feeds.states, time.time())

    def _gauges(self) -> Iterator[Metric]:
        hub = self.hub
        lagging = sum(subscriber.lacks is not None for subscriber in hub.subscribers)
        yield GaugeMetricFamily(f"{_PREFIX}streams", "Open streams.", len(hub.subscribers))
        yield GaugeMetricFamily(f"{_PREFIX}streams_lagging", "Streams catching up.", lagging)
        yield GaugeMetricFamily(f"{_PREFIX}topics", "Stops followed.", len(hub.topics))
        tasks = len(asyncio.all_tasks())
        yield GaugeMetricFamily(f"{_PREFIX}tasks", "Tasks of the event loop.", tasks)

    def _counters(self) -> Iterator[Metric]:
        counts = self.hub.counts
        for field, (name, text) in _COUNTERS.items():
            yield CounterMetricFamily(_PREFIX + name, text, getattr(counts, field))
        for field, (name, label, text) in _LABELLED.items():
            metric = CounterMetricFamily(_PREFIX + name, text, labels=[label])
            for value, count in {**_FROM_ZERO.get(field, {}), **getattr(counts, field)}.items():
                metric.add_metric([str(value)], count)
            yield metric

    def _histograms(self) -> Iterator[Metric]:
        for field, (name, text) in _HISTOGRAMS.items():
            counted = getattr(self.hub.counts, field)
            yield HistogramMetricFamily(_PREFIX + name, text, counted.buckets(), counted.seconds)


def _of_limits(limits: Limits) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "stopcast_limits_callers",
        "Addresses and subjects with an open stream, or that wait.",
        len(limits.ledger),
    )
    yield CounterMetricFamily(
        "stopcast_limits_unavailable",
        "Requests let through uncounted, since Redis was away.",
        limits.ledger.uncounted,
    )
    refused = CounterMetricFamily(
        "stopcast_limits_refused", "Requests and streams refused.", labels=["caller", "limit"]
    )
    for (kind, limit), count in limits.refused.items():
        refused.add_metric([kind, limit], count)
    yield refused


def _of_stores(stores: Stores) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        f"{_PREFIX}store_up", "1 if Redis, Postgres answered last.", labels=["store"]
    )
    seconds = GaugeMetricFamily(
        f"{_PREFIX}store_seconds", "How long its last answer took.", labels=["store"]
    )
    for store, took in stores.seconds.items():
        up.add_metric([store], took is not None)
        if took is not None:
            seconds.add_metric([store], took)
    yield from (up, seconds)


class WorkersCollector(Collector):
    """The metrics of all workers as they told them, each with its number as label `worker`."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self.told = told

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for worker, text in self.told.items():
            for told in text_string_to_metric_families(text):
                family = families.setdefault(
                    told.name, Metric(told.name, told.documentation, told.type)
                )
                family.samples += [
                    sample._replace(labels={"worker": worker, **sample.labels})
                    for sample in told.samples
                ]
        yield from families.values()


def own(state: State) -> CollectorRegistry:
    """The metrics of this process."""
    mine = CollectorRegistry(auto_describe=False)
    mine.register(GatewayCollector(state))
    ProcessCollector(registry=mine)
    return mine


async def registry(state: State) -> CollectorRegistry:
    """The metrics of this gateway: of all its workers, if it has any."""
    if state.siblings is None:
        return own(state)
    workers = CollectorRegistry(auto_describe=False)
    workers.register(WorkersCollector(await state.siblings.ask()))
    return workers


async def metrics(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return Response(encode(await registry(request.app.state)), 200, headers)


ROUTES: list[BaseRoute] = [Route("/metrics", Admin(metrics), methods=["GET"])]
