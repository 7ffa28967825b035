"""Which stop `stopcast up` greets with, by the boards that stand in Redis."""

import time
from collections.abc import AsyncIterator

import pytest

from schemas import frames
from schemas.arrivals import Arrival
from schemas.live import LiveStore
from schemas.local.greeting import BusyStop, _heard, busy_stop
from schemas.stored_board import Publication
from tests.publisher import Publisher


@pytest.fixture
async def live(valkey_url: str) -> AsyncIterator[LiveStore]:
    store = LiveStore.connect(valkey_url)
    await store.redis.flushall()
    yield store
    await store.close()


def snapshot(stop_id: str, *arrivals: Arrival) -> Publication:
    frame = frames.snapshot({
        "stop_id": stop_id, "version": 1, "stop": {"name": stop_id, "timezone": "Europe/Berlin"},
        "routes": {}, "arrivals": dict(zip("abc", arrivals, strict=False)), "alerts": {},
    })  # fmt: skip
    return Publication(stop_id, None, 1, frame, frame)


async def test_a_busy_stop_is_found_by_its_board_as_patched(live: LiveStore) -> None:
    soon: Arrival = {"status": "predicted", "departure": int(time.time()) + 300}
    demo, other = await Publisher.own(live), await Publisher.own(live, "other")
    await live.publish(demo.lease, [snapshot("demo:was", soon, soon), snapshot("demo:is")])
    changes = {"demo:was": {"a": None, "b": None}, "demo:is": {"a": soon}}
    patches = [
        Publication(
            stop, 1, 2, None, frames.patch({"stop_id": stop, "version": 2, "arrivals": new})
        )
        for stop, new in changes.items()
    ]
    await live.publish(demo.lease, patches)
    await live.publish(other.lease, [snapshot("other:busy", soon, soon, soon)])
    await live.tell_stops("demo", ["was", "is", "none"])
    await live.tell_stops("other", ["busy"])
    assert await busy_stop(live, {"demo", "unknown"}) == BusyStop(1, "demo:is", "demo:is")
    await live.publish(demo.lease, [snapshot("demo:is")._replace(version=3)])
    assert await busy_stop(live, {"demo"}) is None


async def test_predictions_are_waited_for_once_every_source_has_spoken(live: LiveStore) -> None:
    demo = await Publisher.own(live)
    for messages, heard in (([0], False), ([3, 0], False), ([3, 1], True), ([], True)):
        await demo.tell(report={"endpoints": [{"messages": number} for number in messages]})
        assert await _heard(live, {"demo"}) is heard
