"""Limits of subjects, and of several callers at once."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from starlette.types import Scope

from gateway.limits.caller import Callers
from gateway.limits.limits import Limits
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from schemas import shards
from schemas.live import LiveStore
from schemas.local import embedded
from tests.cluster import until
from tests.gateways import Gateway
from tests.limited import connected, get

pytestmark = pytest.mark.usefixtures("clock")

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


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

        with monkeypatch.context() as patch:
            patch.setattr(ledger, "_answer", answer_late)
            await asyncio.wait({leaving})
        assert leaving.cancelled()
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
