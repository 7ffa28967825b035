"""Feeds as the gateway sees them, by a clock that the test turns."""

import json
from typing import Any

import pytest

from gateway.coding import PLAIN
from gateway.feed_states import FeedStates
from gateway.settings import GatewaySettings
from schemas.feed_state import FeedState
from schemas.live import FEED_TTL, LiveStore


class World:
    """Feed states, the clock, and the changes that were told."""

    def __init__(self) -> None:
        self.now = 1000.0
        live = LiveStore.connect("redis://127.0.0.1:1/0")  # never asked
        self.feeds = FeedStates(live, GatewaySettings.load(), clock=lambda: self.now)
        self.changes: list[tuple[str, str]] = []
        self.feeds.changed = self._changed

    def _changed(self, feed: str) -> None:
        self.changes.append((feed, self.feeds.states[feed].status))

    def tell(self, **told: Any) -> None:
        defaults: dict[str, Any] = {
            "feed_id": "demo", "status": "live", "timestamp": 990, "now": self.now,
            "beat": self.now, "rate": 1.0, "owner": "o", "lineage": 7, "complete": True,
            "report": {},
        }  # fmt: skip
        state = FeedState(**{**defaults, **told})
        self.feeds.take({state.feed_id: state})


@pytest.fixture
def world() -> World:
    return World()


def test_a_change_of_status_is_told_once(world: World) -> None:
    world.tell()
    world.tell(timestamp=995)
    world.tell(status="stale")
    assert world.changes == [("demo", "live"), ("demo", "stale")]


def test_a_silent_owner_makes_its_feed_down_until_it_speaks(world: World) -> None:
    world.tell()
    world.now += 15
    world.feeds.take({})
    assert world.feeds.states["demo"].status == "live"
    world.now += 1
    world.feeds.take({})
    world.tell()
    assert world.changes == [("demo", "live"), ("demo", "down"), ("demo", "live")]


def test_a_feed_that_redis_lost_is_remembered_but_not_trusted(world: World) -> None:
    world.tell()
    assert world.feeds.complete("demo")
    world.feeds.take({})
    assert world.feeds.know(["demo"])
    assert not world.feeds.complete("demo")
    assert world.feeds.lineages(["demo", "other"]) == [7, None]
    world.now += FEED_TTL + 1
    world.feeds.take({})
    assert not world.feeds.know(["demo"])


def test_heartbeats_show_the_board_clock(world: World) -> None:
    world.tell(now=500.0, rate=2.0)
    world.now += 10
    size, data = world.feeds.heartbeat(["demo", "unknown"], PLAIN).split(b"\r\n", 1)
    assert len(data) == int(size, 16) + 2
    event, payload = data.decode().strip().split("\ndata: ")
    assert event == "event: heartbeat"
    assert json.loads(payload) == {
        "feeds": {"demo": {"status": "live", "timestamp": 990, "now": 520}}
    }
