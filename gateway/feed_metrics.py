"""What /metrics tells of feeds: their owners' word, the same at every gateway."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from schemas.feed_state import FeedState

# A member of an endpoint's report: the metric's name after the prefix, and its help.
_TOTALS = {
    "polls": ("polls", "Polls of the endpoint."),
    "failures": ("poll_failures", "Polls without a message to use."),
    "messages": ("messages", "Messages that were decoded."),
    "fetch_seconds": ("fetch_seconds", "Time that polls waited for the endpoint."),
    "decode_seconds": ("decode_seconds", "Time that decoding and matching messages took."),
}
_PREFIX = "stopcast_endpoint_"


def feed_metrics(feeds: Mapping[str, FeedState], wall: float) -> Iterator[Metric]:
    """At `wall`, POSIX seconds of our own clock."""
    yield from _of_feeds(feeds, wall)
    yield from _of_publishing(feeds)
    yield from _of_endpoints(feeds)


def _of_feeds(feeds: Mapping[str, FeedState], wall: float) -> Iterator[Metric]:
    live = GaugeMetricFamily("stopcast_feed_live", "1 unless stale or down.", labels=["feed"])
    complete = GaugeMetricFamily(
        "stopcast_feed_complete", "1 once all boards are there.", labels=["feed"]
    )
    age = GaugeMetricFamily(
        "stopcast_feed_data_age_seconds", "Board clock minus the data's time.", labels=["feed"]
    )
    for feed_id, feed in feeds.items():
        live.add_metric([feed_id], feed.status == "live")
        complete.add_metric([feed_id], feed.complete)
        if feed.timestamp:
            age.add_metric([feed_id], feed.board_clock(wall) - feed.timestamp)
    yield from (live, complete, age)


def _of_publishing(feeds: Mapping[str, FeedState]) -> Iterator[Metric]:
    boards = CounterMetricFamily(
        "stopcast_feed_boards_published", "Changed boards that its owner wrote.", labels=["feed"]
    )
    seconds = CounterMetricFamily(
        "stopcast_feed_publish_seconds",
        "Time that making and writing changed boards took.",
        labels=["feed"],
    )
    for feed_id, feed in feeds.items():
        if told := feed.report.get("publishing"):
            boards.add_metric([feed_id], told["boards"])
            seconds.add_metric([feed_id], told["seconds"])
    yield from (boards, seconds)


def _of_endpoints(feeds: Mapping[str, FeedState]) -> Iterator[Metric]:
    """What the owners report of each endpoint; `endpoint` is its position in stopcast.toml.

    An owner may be of another release, and so leave something out.
    """
    labels = ["feed", "endpoint"]
    totals = {
        member: CounterMetricFamily(_PREFIX + name, text, labels=labels)
        for member, (name, text) in _TOTALS.items()
    }
    last_success = GaugeMetricFamily(
        f"{_PREFIX}last_success_seconds", "POSIX time of the last good poll.", labels=labels
    )
    findings = CounterMetricFamily(
        f"{_PREFIX}findings", "What was wrong in its messages.", labels=[*labels, "kind"]
    )
    for feed_id, feed in feeds.items():
        for position, endpoint in enumerate(feed.report.get("endpoints", ())):
            names = [feed_id, str(position)]
            for member, total in totals.items():
                total.add_metric(names, endpoint.get(member, 0))
            if "last_success" in endpoint:
                last_success.add_metric(names, endpoint["last_success"])
            for kind, found in endpoint.get("quality", {}).items():
                findings.add_metric([*names, kind], found["count"])
    yield from (*totals.values(), last_success, findings)
