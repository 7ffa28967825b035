"""Limits fail open while Redis is away, and hold in a Cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import structlog
from redis.crc import key_slot

from bench.drill.relay import Relay
from schemas.live import LiveStore
from tests.cluster import MASTERS, SLOTS, cluster, until
from tests.gateways import Gateway, running
from tests.limited import ADDRESS, PROXIED, connected, get
from tests.publisher import Publisher


async def test_while_redis_is_silent_all_are_served_and_it_is_counted(
    stop: str, live: LiveStore, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"requests_per_address": 1, "streams_per_address": 1}
    async with relayed(valkey_url) as relay, running(relay.url, **limits) as gateway:
        assert await connected(gateway.client(), stop) == "snapshot"
        assert (await get(gateway, "/v1/feeds")).status_code == 429
        ledger = gateway.app.state.limits.ledger
        relay.swallow()
        with monkeypatch.context() as patch:
            patch.setattr("gateway.limits.ledger.DEADLINE", 0.25)
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):  # their boards are known
                    assert await connected(gateway.client(), stop) == "snapshot"
                    assert (await get(gateway, "/v1/feeds")).status_code == 200
            assert ledger.uncounted >= 6
            assert [line["event"] for line in logs].count("limits_unavailable") == 1
            relay.restore()
            text = (await get(gateway, "/metrics")).text
            assert f"stopcast_limits_unavailable_total {float(ledger.uncounted)}" in text
            await until(lambda: refused(gateway))  # on a connection that works
        assert await connected(gateway.client(), stop) == "rate_limited"
        fields: Any = await live.redis.hgetall(ADDRESS)
        assert fields[ledger.gateway.encode()].startswith(b"4 ")  # those uncounted, too


async def refused(gateway: Gateway) -> bool:
    return (await get(gateway, "/v1/feeds")).status_code == 429


@asynccontextmanager
async def relayed(redis_url: str) -> AsyncIterator[Relay]:
    port = int(redis_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    relay = Relay(lambda: port)
    await relay.open()
    try:
        yield relay
    finally:
        relay.close()


async def test_without_any_redis_nobody_is_refused() -> None:
    settings = {"requests_per_address": 1, "streams_per_address": 1, "start_timeout": 0.1}
    async with running("redis://127.0.0.1:1/0", **settings) as gateway:
        for _ in range(3):
            assert (await get(gateway, "/v1/feeds")).status_code == 200
        assert gateway.app.state.limits.ledger.uncounted == 3
        assert len(gateway.app.state.limits.ledger) == 0


async def test_limits_hold_in_a_cluster() -> None:
    async with cluster() as shards_of, AsyncExitStack() as stack:
        live = LiveStore.connect(shards_of.url)
        stack.push_async_callback(live.close)
        demo = await Publisher.own(live)
        stop = demo.stop("a")
        await demo.publish(stop)
        one, other, strict, as_strict = [
            await stack.enter_async_context(running(shards_of.url, **limits, **PROXIED))
            for limits in [{"streams_per_address": 2}] * 2 + [{"requests_per_address": 1}] * 2
        ]
        clients = {f"192.0.2.{number}": one.client() for number in range(30)}
        told = await asyncio.gather(
            *(connected(c, stop, **{"X-Forwarded-For": a}) for a, c in clients.items())
        )
        assert told == ["snapshot"] * 30
        keys = [key async for key in live.redis.scan_iter("stopcast:limit:*")]
        assert len(keys) == 30
        homes = {key_home(key) for key in keys}
        assert homes == set(range(MASTERS))
        for address in clients:
            header = {"X-Forwarded-For": address}
            assert await connected(other.client(), stop, **header) == "snapshot"
            assert await connected(other.client(), stop, **header) == "rate_limited"
            answer = await get(strict, "/v1/feeds", **header)
            assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, "0")
            assert (await get(as_strict, "/v1/feeds", **header)).status_code == 429


def key_home(key: bytes) -> int:
    return key_slot(key) * MASTERS // SLOTS
