"""A stop to ask for, and a Redis whose clock a test moves."""

import time
from pathlib import Path

import pytest

from gateway.limits.ledger import COUNT
from schemas.commands import Script
from schemas.live import LiveStore
from tests.limited import Clock
from tests.publisher import Publisher

TIME = "redis.call('TIME')"


@pytest.fixture
async def stop(demo: Publisher) -> str:
    await demo.publish(demo.stop("a"))
    return demo.stop("a")


@pytest.fixture
async def clock(live: LiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """For gateways of this process; a Redis that has not the key goes by its own clock."""
    assert COUNT.text.count(TIME) == 1
    path = tmp_path / "count.lua"
    path.write_text(
        COUNT.text.replace(TIME, f"{{redis.call('GET', '{Clock.KEY}') or {TIME}[1], 0}}")
    )
    monkeypatch.setattr("gateway.limits.ledger.COUNT", Script(path))
    clock = Clock(live.redis, int(time.time()))
    await clock.pass_time(0)
    return clock
