"""Limits of addresses and subjects hold for all gateways together, and fail open."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
import structlog
from redis.crc import key_slot
from starlette.types import Scope

from bench.drill.relay import Relay
from gateway.limits.caller import Callers
from gateway.limits.limits import Limits
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from schemas import shards
from schemas.live import LiveStore
from schemas.local import embedded
from schemas.local.embedded import free_port
from tests.client import PATIENCE, BoardClient
from tests.cluster import MASTERS, SLOTS, cluster, until
from tests.gateways import Gateway, eventually, running
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
ADDRESS = "stopcast:limit:address:127.0.0.1"
PROXIED = {"trusted_proxies": "127.0.0.0/8"}


@pytest.fixture
async def stop(demo: Publisher) -> str:
    await demo.publish(demo.stop("a"))
    return demo.stop("a")


async def get(gateway: Gateway, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client:
        return await client.request(method, path, headers=headers)


async def connected(client: BoardClient, stop: str, **headers: str) -> str:
    """`snapshot`, or the reason of a goodbye."""
    assert await client.connect(stop, headers=headers) == 200
    await client.read_until(lambda: client.named("snapshot", "goodbye"))
    last = client.events[-1]
    return str(last.data["reason"]) if last.name == "goodbye" else last.name


async def free(gateway: Gateway, stop: str) -> BoardClient:
    """Try again until there is a place: the stream in it."""
    client = gateway.client()

    async def served() -> bool:
        return await connected(client, stop) == "snapshot"

    await until(served)
    return client


# -- streams ---------------------------------------------------------------------------------------


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
    run: Run, stop: str, valkey_url: str, tmp_path: Path
) -> None:
    limits = {"STOPCAST_STREAMS_PER_ADDRESS": "3", "STOPCAST_STREAM_LEASE": "3"}
    async with (
        run(streams_per_address=3, stream_lease=3) as gateway,
        process(valkey_url, tmp_path / "log", limits) as (port, killed),
    ):
        doomed = [BoardClient(port) for _ in range(3)]
        for client in doomed:
            assert await connected(client, stop) == "snapshot"
        assert await connected(gateway.client(), stop) == "rate_limited"
        killed.send_signal(signal.SIGKILL)
        await asyncio.to_thread(killed.wait)
        for _ in range(3):
            await free(gateway, stop)
        assert await connected(gateway.client(), stop) == "rate_limited"
        for client in doomed:
            await client.cut()


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
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
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


async def test_a_stream_that_stays_keeps_its_place(run: Run, stop: str, live: LiveStore) -> None:
    async with (
        run(streams_per_address=1, stream_lease=1) as one,
        run(streams_per_address=1) as other,
    ):
        assert await connected(one.client(), stop) == "snapshot"
        expires = set[bytes]()
        async with asyncio.timeout(PATIENCE):
            while len(expires) < 5:  # renewed that often: more than the lease has passed
                fields: Any = await live.redis.hgetall(ADDRESS)
                expires |= set(fields.values())
                await asyncio.sleep(0.02)
        assert await connected(other.client(), stop) == "rate_limited"


# -- requests --------------------------------------------------------------------------------------


async def test_requests_are_counted_by_all_gateways_together(run: Run, stop: str) -> None:
    async with run(requests_per_address=3) as one, run(requests_per_address=3) as other:
        for gateway, remaining in ((one, "2"), (other, "1"), (one, "0")):
            answer = await get(gateway, f"/v1/stops/{stop}/board")
            assert answer.status_code == 200
            assert answer.headers["ratelimit-limit"] == "3"
            assert answer.headers["ratelimit-remaining"] == remaining
            assert 0 < int(answer.headers["ratelimit-reset"]) <= 60
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = await get(other, "/v1/feeds", method)
            assert answer.status_code == 429
            assert 0 < int(answer.headers["retry-after"]) <= 20
            assert answer.headers["ratelimit-remaining"] == "0"
        answer = await get(one, "/v1/feeds")
        assert (answer.json()["code"], answer.json()["status"]) == ("rate_limited", 429)
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert await connected(one.client(), stop) == "rate_limited"
        assert not one.hub.subscribers
        for path in ("/healthz", "/readyz", "/metrics", "/"):
            answer = await get(one, path)
            assert answer.status_code == 200
            assert "ratelimit-limit" not in answer.headers


async def test_many_requests_at_once_are_counted_one_by_one(run: Run, stop: str) -> None:
    async with (
        run(requests_per_address=20) as gateway,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as client,
    ):
        path = f"/v1/stops/{stop}/board"
        answers = await asyncio.gather(*(client.get(path) for _ in range(60)))
        left = [int(a.headers["ratelimit-remaining"]) for a in answers if a.status_code == 200]
        # The bucket fills by one in 3 s meanwhile.
        assert 20 <= len(left) <= 20 + 60 * PATIENCE
        assert len(answers) - len(left) == sum(a.status_code == 429 for a in answers)
        assert set(range(19)) <= set(left)


async def test_errors_tell_the_quota_too(run: Run, stop: str) -> None:
    del stop
    async with run(requests_per_address=9) as gateway:
        for path in ("/v1/stops/demo:none/board", "/v1/nowhere", "/v1/stops?q=x"):
            answer = await get(gateway, path)
            assert answer.status_code in {404, 503}
            assert answer.headers["ratelimit-limit"] == "9"


async def test_behind_a_trusted_proxy_each_client_has_its_own(run: Run, stop: str) -> None:
    async with run(requests_per_address=1, streams_per_address=1, **PROXIED) as gateway:
        for number in range(3):
            client = {"X-Forwarded-For": f"192.0.2.{number}"}
            assert await connected(gateway.client(), stop, **client) == "snapshot"
            assert (await get(gateway, "/v1/feeds", **client)).status_code == 429
    async with run(requests_per_address=1) as gateway:  # nobody is trusted
        assert (await get(gateway, "/v1/feeds", **{"X-Forwarded-For": "192.0.2.9"})).is_success
        answer = await get(gateway, "/v1/feeds", **{"X-Forwarded-For": "192.0.2.8"})
        assert answer.status_code == 429


async def test_a_refusal_is_counted_and_its_caller_is_in_the_log(run: Run, stop: str) -> None:
    del stop
    async with run(requests_per_address=1) as gateway:
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                await get(gateway, "/v1/feeds")
        errors = [line.get("error") for line in logs if line["event"] == "request"]
        assert errors == [None, *[f"over the limit of requests: {ADDRESS}"] * 2]
        text = (await get(gateway, "/metrics")).text
        assert 'stopcast_limits_refused_total{caller="address",limit="requests"} 2.0' in text


# -- Redis is away, or a Cluster --------------------------------------------------------------------


async def test_while_redis_is_silent_all_are_served_and_it_is_counted(
    stop: str, live: LiveStore, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"requests_per_address": 1, "streams_per_address": 1}
    async with relayed(valkey_url) as relay, running(relay.url, **limits) as gateway:
        assert await connected(gateway.client(), stop) == "snapshot"
        assert (await get(gateway, "/v1/feeds")).status_code == 429
        ledger = gateway.app.state.limits.ledger
        relay.swallow()
        monkeypatch.setattr("gateway.limits.ledger.DEADLINE", 0.25)
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):  # their boards are known
                assert await connected(gateway.client(), stop) == "snapshot"
                assert (await get(gateway, "/v1/feeds")).status_code == 200
        assert ledger.uncounted >= 6
        assert [line["event"] for line in logs].count("limits_unavailable") == 1
        relay.restore()
        text = (await get(gateway, "/metrics")).text
        assert f"stopcast_limits_unavailable_total {float(ledger.uncounted)}" in text
        await until(lambda: refused(gateway))
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
        settings = {"streams_per_address": 2, "requests_per_address": 4, **PROXIED}
        one, other = [
            await stack.enter_async_context(running(shards_of.url, **settings)) for _ in range(2)
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
            assert (await get(one, "/v1/feeds", **header)).headers["ratelimit-remaining"] == "0"
            assert (await get(other, "/v1/feeds", **header)).status_code == 429


def key_home(key: bytes) -> int:
    return key_slot(key) * MASTERS // SLOTS


# -- subjects --------------------------------------------------------------------------------------


class Asked:
    """Limits as a request meets them, without a gateway around."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def scope(self, address: str, subject: str | None) -> Scope:
        """`subject` is of the issuer `us` unless it names one, `issuer/subject`."""
        issuer, _, name = f"us/{subject}".rpartition("/")
        grant = {"grant": SimpleNamespace(issuer=issuer, subject=name)} if subject else {}
        return {"type": "http", "client": (address, 1), "headers": [], **grant}

    async def request(self, address: str, subject: str | None = None) -> bool:
        try:
            await self.limits.request(self.scope(address, subject))
        except Problem:
            return False
        return True

    async def stream(self, address: str, subject: str | None = None) -> Callers | None:
        try:
            return await self.limits.stream(self.scope(address, subject))
        except Problem:
            return None


@asynccontextmanager
async def asked(url: str, **settings: int) -> AsyncIterator[Asked]:
    off = {"requests_per_address": 0, "requests_per_subject": 0, "streams_per_address": 0,
           "streams_per_subject": 0}  # fmt: skip
    connection = shards.connect(url)
    limits = Limits(GatewaySettings.load(**{**off, **settings}), connection)
    try:
        yield Asked(limits)
    finally:
        await limits.ledger.close()
        await connection.close()


async def test_a_subject_is_limited_whatever_its_address(valkey_url: str, live: LiveStore) -> None:
    del live
    async with asked(valkey_url, requests_per_subject=2, streams_per_subject=2) as a:
        assert [await a.request(f"192.0.2.{n}", "alice") for n in range(3)] == [True, True, False]
        assert await a.request("192.0.2.1", "bob")
        assert [await a.request("192.0.2.1") for _ in range(9)] == [True] * 9
        assert await a.request("192.0.2.1", "another/alice"), "of another issuer"


async def test_a_subject_over_its_limit_is_logged_by_a_hash(
    valkey_url: str, live: LiveStore
) -> None:
    async with asked(valkey_url, requests_per_subject=1) as a:
        assert await a.request("192.0.2.1", "jane@example.org")
        scope = a.scope("192.0.2.1", "jane@example.org")
        with pytest.raises(Problem):
            await a.limits.request(scope)
        # printf 'us\njane@example.org' | sha256sum, as docs/operations.md has it
        name = hashlib.sha256(b"us\njane@example.org").hexdigest()[:32]
        assert scope["error"] == f"over the limit of requests: stopcast:limit:subject:{name}"
        assert not [key async for key in live.redis.scan_iter("*jane*")]


async def test_the_subject_of_a_token_is_counted_at_a_gateway(run: Run, stop: str) -> None:
    secret = "s" * 32
    claims = {"iss": "stopcast", "aud": "stopcast", "exp": time.time() + 600, "sub": "alice"}
    alice = {"Authorization": f"Bearer {jwt.encode(claims, secret)}"}
    async with run(requests_per_subject=3, streams_per_subject=1, token_secret=secret) as gateway:
        answer = await get(gateway, "/v1/feeds", **alice)
        assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, "2")
        assert await connected(gateway.client(), stop, **alice) == "snapshot"
        assert await connected(gateway.client(), stop, **alice) == "rate_limited"
        assert (await get(gateway, "/v1/feeds", **alice)).status_code == 429
        assert (await get(gateway, "/v1/feeds", Authorization="Bearer no")).status_code == 401
        assert (await get(gateway, "/v1/feeds")).status_code == 200
        assert gateway.hub.counts.token_refusals.total() == 1


async def test_a_stream_that_one_limit_refuses_takes_no_place_of_the_other(
    valkey_url: str, live: LiveStore
) -> None:
    del live
    limits = {"streams_per_address": 3, "streams_per_subject": 1}
    async with asked(valkey_url, **limits) as a, asked(valkey_url, **limits) as other:
        first = await a.stream("192.0.2.1", "alice")
        assert first is not None
        together = await asyncio.gather(*(a.stream("192.0.2.1", "alice") for _ in range(5)))
        assert together == [None] * 5
        await until(lambda: other.stream("192.0.2.1", "bob"))  # once Redis was told better
        await until(lambda: other.stream("192.0.2.1", "carol"))
        assert await a.stream("192.0.2.1", "dave") is None
        a.limits.leave(first)
        assert await a.stream("192.0.2.1", "dave")
        assert await other.stream("192.0.2.2", "alice")


async def test_who_does_not_wait_for_the_answer_takes_no_place(
    valkey_url: str, live: LiveStore
) -> None:
    del live
    async with asked(valkey_url, streams_per_address=1) as a:
        for turns in range(12):  # at each step of the way to Redis and back
            leaving = asyncio.create_task(a.stream("192.0.2.1"))
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait({leaving})
            if not leaving.cancelled():
                a.limits.leave(leaving.result() or ())
        assert await a.stream("192.0.2.1")
        assert await a.stream("192.0.2.1") is None


async def test_who_leaves_at_the_moment_of_the_answer_takes_no_place(
    valkey_url: str, live: LiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    del live
    async with asked(valkey_url, streams_per_address=1) as a:
        ledger = a.limits.ledger
        answer = ledger._answer
        leaving = asyncio.create_task(a.stream("192.0.2.1"))

        def answer_late(*given: Any) -> None:
            answer(*given)
            leaving.cancel()

        monkeypatch.setattr(ledger, "_answer", answer_late)
        await asyncio.wait({leaving})
        assert leaving.cancelled()
        monkeypatch.undo()
        assert await a.stream("192.0.2.1")


async def test_nothing_is_asked_where_there_is_no_limit() -> None:
    async with asked("redis://127.0.0.1:1/0") as a:
        assert await a.request("192.0.2.1", "alice")
        assert await a.stream("192.0.2.1", "alice") == ()
        assert a.limits.ledger.uncounted == 0


async def test_a_new_server_is_told_the_script() -> None:
    with embedded.valkey() as url:
        async with asked(url, requests_per_address=1) as a:
            assert [await a.request("192.0.2.1") for _ in range(2)] == [True, False]
            assert a.limits.ledger.uncounted == 0
