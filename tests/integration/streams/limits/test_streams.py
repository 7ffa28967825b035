"""So many streams of an address at all gateways together; places are given back, lost and kept."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.live import LiveStore
from schemas.local.embedded import free_port
from tests.client import BoardClient, http_client
from tests.cluster import until
from tests.gateways import Gateway, eventually
from tests.limited import ADDRESS, Clock, connected, get
from tests.publisher import Publisher

pytestmark = pytest.mark.usefixtures("clock")

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def free(gateway: Gateway, stop: str) -> BoardClient:
    """Try again until there is a place: the stream in it."""
    client = gateway.client()

    async def served() -> bool:
        return await connected(client, stop) == "snapshot"

    await until(served)
    return client


async def test_of_200_that_connect_at_once_to_two_gateways_50_are_served(
    run: Run, stop: str
) -> None:
    async with run(streams_per_address=50) as one, run(streams_per_address=50) as other:
        clients = [(one, other)[number % 2].client() for number in range(200)]
        told = await asyncio.gather(*(connected(client, stop) for client in clients))
        assert (told.count("snapshot"), told.count("rate_limited")) == (50, 150)
        assert len(one.hub.subscribers) + len(other.hub.subscribers) == 50
        refused = [
            gateway.app.state.limits.refused["address", "streams"] for gateway in (one, other)
        ]
        assert sum(refused) == 150
        served = [client for client, word in zip(clients, told, strict=True) if word == "snapshot"]
        for client in served[:20]:
            await client.cut()
        for number in range(20):
            await free((one, other)[number % 2], stop)
        assert await connected(one.client(), stop) == "rate_limited"
        assert len(one.hub.subscribers) + len(other.hub.subscribers) == 50


async def test_a_refused_event_source_is_told_when_to_come_back_and_others_get_429(
    run: Run, stop: str
) -> None:
    async with run(streams_per_address=1, retry=0.1) as gateway:
        assert await connected(gateway.client(), stop) == "snapshot"
        refused = gateway.client()
        assert await connected(refused, stop) == "rate_limited"
        assert refused.names() == ["goodbye"]
        assert refused.retry is not None
        assert 7000 <= refused.retry <= 23000  # 15 s, more or less by a half
        assert refused.headers["ratelimit-limit"] == "1"
        await refused.closed()
        answer = await get(gateway, f"/v1/stops/{stop}/stream", Accept="*/*")
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert answer.headers["retry-after"] == answer.headers["ratelimit-reset"] == "15"
        assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == (
            "1",
            "0",
        )
        assert gateway.hub.counts.goodbyes["rate_limited"] == 1


async def test_a_stream_that_is_not_served_takes_no_place(run: Run, demo: Publisher) -> None:
    stop = demo.stop("a")
    async with run(streams_per_address=1, requests_per_address=100) as gateway:
        assert (await get(gateway, f"/v1/stops/{stop}/stream")).status_code == 404
        assert (await get(gateway, f"/v1/stops/{stop}/stream", "HEAD")).status_code == 404
        assert (await get(gateway, "/v1/stream?stop=nocolon")).status_code == 422
        await demo.publish(stop)
        assert (await get(gateway, f"/v1/stops/{stop}/stream", "HEAD")).status_code == 200
        assert await connected(gateway.client(), stop) == "snapshot"
        remaining = (await get(gateway, "/v1/feeds")).headers["ratelimit-remaining"]
        assert int(remaining) == 100 - 6


async def test_who_has_left_is_forgotten(run: Run, stop: str, live: LiveStore) -> None:
    async with run(streams_per_address=5) as gateway:
        ledger = gateway.app.state.limits.ledger
        clients = [gateway.client() for _ in range(5)]
        for client in clients:
            await connected(client, stop)
        assert len(ledger) == 1
        fields: Any = await live.redis.hgetall(ADDRESS)
        assert fields[ledger.gateway.encode()].startswith(b"5 ")
        for client in clients:
            await client.cut()
        await eventually(lambda: len(ledger) == 0)
        assert await live.redis.hgetall(ADDRESS) == {}


async def test_a_gateway_that_ends_gives_its_places_back_at_once(run: Run, stop: str) -> None:
    async with run(streams_per_address=3, stream_lease=3600) as stays:
        async with run(streams_per_address=3, stream_lease=3600) as ends:
            for _ in range(3):
                assert await connected(ends.client(), stop) == "snapshot"
            assert await connected(stays.client(), stop) == "rate_limited"
        for _ in range(3):
            assert await connected(stays.client(), stop) == "snapshot"


async def test_a_killed_gateway_gives_its_places_back_when_its_lease_is_over(
    run: Run, stop: str, valkey_url: str, tmp_path: Path, clock: Clock
) -> None:
    limits = {"STOPCAST_STREAMS_PER_ADDRESS": "3", "STOPCAST_STREAM_LEASE": "600"}

    async def told() -> bool:
        fields: Any = await clock.redis.hgetall(ADDRESS)
        return any(value.startswith(b"3 ") for value in fields.values())

    async with (
        run(streams_per_address=3) as gateway,
        process(valkey_url, tmp_path / "log", limits) as (port, killed),
        AsyncExitStack() as stack,
    ):
        for _ in range(3):
            doomed = BoardClient(port)
            stack.push_async_callback(doomed.cut)
            assert await connected(doomed, stop) == "snapshot"
        await until(told)
        assert await connected(gateway.client(), stop) == "rate_limited"
        killed.send_signal(signal.SIGKILL)
        await asyncio.to_thread(killed.wait)
        assert await connected(gateway.client(), stop) == "rate_limited"
        await clock.pass_time(3600)
        for _ in range(3):
            assert await connected(gateway.client(), stop) == "snapshot"
        assert await connected(gateway.client(), stop) == "rate_limited"


@asynccontextmanager
async def process(
    redis_url: str, log: Path, settings: Mapping[str, str]
) -> AsyncIterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [sys.executable, "-m", "stopcast", "gateway", "--port", str(port)]
    env = {**os.environ, "REDIS_URL": redis_url, **settings}
    with log.open("wb") as output:
        started = subprocess.Popen(command, env=env, stdout=output, stderr=output)  # noqa: S603, ASYNC220  # our own
    try:
        await until(lambda: ready(port))
        yield port, started
    finally:
        started.kill()
        started.wait()


async def ready(port: int) -> bool:
    async with http_client(port) as client:
        try:
            return (await client.get("/readyz")).is_success
        except httpx.TransportError:
            return False


async def test_what_an_emptied_redis_has_lost_is_told_again(
    run: Run, stop: str, live: LiveStore
) -> None:
    async with (
        run(streams_per_address=2, stream_lease=1) as one,
        run(streams_per_address=2) as other,
    ):
        for _ in range(2):
            assert await connected(one.client(), stop) == "snapshot"
        await live.redis.delete(ADDRESS)
        await until(lambda: live.redis.exists(ADDRESS))
        assert await connected(other.client(), stop) == "rate_limited"
        await live.redis.delete(ADDRESS)  # the gateway that has the streams needs nobody's memory
        assert await connected(one.client(), stop) == "rate_limited"


async def test_a_stream_that_stays_keeps_its_place(
    run: Run, stop: str, live: LiveStore, clock: Clock
) -> None:
    async def renewed() -> bool:
        fields: Any = await live.redis.hgetall(ADDRESS)
        return b"1 %d" % round((clock.now + 1) * 1_000_000) in fields.values()

    async with (
        run(streams_per_address=1, stream_lease=1) as one,
        run(streams_per_address=1) as other,
    ):
        assert await connected(one.client(), stop) == "snapshot"
        for _ in range(5):  # more than the lease
            await clock.pass_time(0.5)
            await until(renewed)
        assert await connected(other.client(), stop) == "rate_limited"
