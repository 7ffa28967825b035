"""live, stale, down: how old the data is, and how long nobody answered."""

from feeds.ingest.endpoint_health import EndpointHealth, worst

NOW = 1_000_000.0


def health(interval: float = 30) -> EndpointHealth:
    return EndpointHealth(interval, expiry=600, begun=NOW)


def test_data_of_the_last_ninety_seconds_is_live() -> None:
    endpoint = health()
    endpoint.succeeded(NOW)
    assert endpoint.status(NOW, NOW + 90, NOW + 90) == "live"
    assert endpoint.status(NOW, NOW + 91, NOW + 91) == "stale"


def test_three_polls_may_bring_nothing_new() -> None:
    endpoint = health(interval=60)
    endpoint.succeeded(NOW)
    assert endpoint.status(NOW, NOW + 180, NOW + 180) == "live"
    assert endpoint.status(NOW, NOW + 181, NOW + 181) == "stale"


def test_alerts_stay_fresh_for_ten_minutes() -> None:
    endpoint = health()
    endpoint.succeeded(NOW)
    endpoint.kinds.add("alert")
    assert endpoint.status(NOW, NOW + 600, NOW) == "live"


def test_an_endpoint_that_answers_with_old_data_is_stale_never_down() -> None:
    endpoint = health()
    endpoint.succeeded(NOW + 5000)
    assert endpoint.status(NOW, NOW + 5000, NOW + 5000) == "stale"
    assert endpoint.expired(NOW, NOW + 691)
    assert not endpoint.expired(NOW, NOW + 690)


def test_an_endpoint_that_never_answered_goes_down_in_time() -> None:
    endpoint = health()
    endpoint.failed("timeout: no answer in time")
    assert endpoint.status(None, NOW, NOW + 690) == "stale"
    assert endpoint.status(None, NOW, NOW + 691) == "down"
    report = endpoint.report("https://example.org/", "down", None, {})
    assert (report["success_rate"], report["last_error"]) == (0, "timeout: no answer in time")


def test_a_feed_is_as_well_as_its_worst_endpoint() -> None:
    assert worst(["live", "down", "stale"]) == "down"
    assert worst(["stale", "live"]) == "stale"
    assert worst([]) == "live"
