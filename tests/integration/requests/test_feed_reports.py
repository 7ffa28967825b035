"""`GET /v1/feeds` and `/v1/feeds/{feed_id}`."""

import time

from tests.served import Served

REPORT = {
    "agencies": [{"name": "Demo Transit", "url": "https://example.org"}],
    "endpoints": [{"url": "trips", "last_success": 1, "success_rate": 0.99}],
}


async def test_a_feed_is_reported_with_its_age_and_all_that_its_owner_told(
    gateway: Served,
) -> None:
    now = time.time()
    await gateway.tell(now=now, beat=now, timestamp=int(now) - 30, report=REPORT)
    answer = await gateway.client.get("/v1/feeds/demo")
    feed = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (feed["feed_id"], feed["status"], feed["complete"]) == ("demo", "live", True)
    assert feed["timestamp"] == int(now) - 30
    assert feed["age"] == feed["now"] - feed["timestamp"] >= 29
    assert feed["agencies"] == REPORT["agencies"]
    assert feed["endpoints"] == REPORT["endpoints"]


async def test_a_replay_is_as_old_as_its_own_clock_says(gateway: Served) -> None:
    wall = time.time()
    await gateway.tell(now=1_000_000.0, beat=wall, timestamp=999_990, rate=0.0)
    feed = (await gateway.client.get("/v1/feeds/demo")).json()
    assert (feed["now"], feed["age"]) == (1_000_000, 10)


async def test_a_feed_without_data_yet_has_no_age(gateway: Served) -> None:
    await gateway.tell(timestamp=0)
    assert "age" not in (await gateway.client.get("/v1/feeds/demo")).json()


async def test_a_feed_whose_owner_fell_silent_is_down(gateway: Served) -> None:
    silent = time.time() - gateway.app.state.settings.owner_timeout - 1
    await gateway.tell(status="live", beat=silent)
    assert (await gateway.client.get("/v1/feeds/demo")).json()["status"] == "down"


async def test_all_feeds_are_listed_by_id(gateway: Served) -> None:
    assert (await gateway.client.get("/v1/feeds")).json() == {"feeds": []}
    await gateway.tell(feed_id="zone")
    await gateway.tell(feed_id="area")
    feeds = (await gateway.client.get("/v1/feeds")).json()["feeds"]
    assert [feed["feed_id"] for feed in feeds] == ["area", "zone"]


async def test_an_unknown_feed_does_not_exist(gateway: Served) -> None:
    answer = await gateway.client.get("/v1/feeds/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_feed")
