"""So many requests a minute of an address, at all gateways together."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
import structlog

from tests.gateways import Gateway
from tests.limited import ADDRESS, PROXIED, connected, get

pytestmark = pytest.mark.usefixtures("clock")

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


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
        gateway.http() as client,
    ):
        path = f"/v1/stops/{stop}/board"
        answers = await asyncio.gather(*(client.get(path) for _ in range(60)))
        left = [int(a.headers["ratelimit-remaining"]) for a in answers if a.status_code == 200]
        assert sorted(left) == list(range(20))
        assert sum(a.status_code == 429 for a in answers) == len(answers) - len(left)


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
