"""What a request passes, in this order: the bounds of its size, CORS, limits, its token, its route.

Whoever refuses it, a page of another origin can read why.
"""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import jwt
import pytest

from gateway.limits.limits import LONGEST
from gateway.protocol import MOST_BODY, MOST_URL
from tests.cluster import until
from tests.gateways import Gateway
from tests.limited import Clock
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
PAGE = "https://app.example"
SECRET = "s" * 40
STREAM = "/v1/stops/demo:a/stream"
FEEDS = "/v1/feeds"
PREFLIGHT = {"Access-Control-Request-Method": "GET"}


def bearer(scope: str) -> dict[str, str]:
    about = {"iss": "stopcast", "aud": "stopcast", "sub": "x", "exp": 9_999_999_999}
    return {"Authorization": f"Bearer {jwt.encode({**about, 'scope': scope}, SECRET, 'HS256')}"}


async def asked(gateway: Gateway, path: str, method: str = "GET", **given: Any) -> httpx.Response:
    headers = {"Origin": PAGE, **given.pop("headers", {})}
    async with gateway.http() as http:
        return await http.request(method, path, headers=headers, **given)


def readable(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a problem that carries what all answers carry."""
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers.get_list("vary", split_commas=True).count("Origin") == 1
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert len(answer.headers.get_list("content-security-policy")) == 1
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    return answer.status_code, answer.json()["code"]


async def test_the_gates_answers_can_be_read(run: Run) -> None:
    async with run(access="token", token_secret=SECRET, cors_origins=PAGE) as gateway:
        for path in (STREAM, FEEDS):
            assert readable(await asked(gateway, path)) == (401, "token_missing")
            odd = await asked(gateway, path, headers=bearer("odd"))
            assert readable(odd) == (403, "scope_missing")


async def test_a_caller_over_its_limit_can_read_when_to_come_back(run: Run) -> None:
    async with run(cors_origins=PAGE, requests_per_address=1) as gateway:
        await asked(gateway, FEEDS)
        for path in (STREAM, FEEDS):
            answer = await asked(gateway, path)
            assert readable(answer) == (429, "rate_limited")
            exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
            assert {"retry-after", "ratelimit-reset"} <= set(exposed) & set(answer.headers)


async def test_what_is_away_can_be_read(run: Run) -> None:
    async with run(cors_origins=PAGE) as gateway:
        answer = await asked(gateway, "/v1/stops?q=x")  # Postgres is away here
        assert readable(answer) == (503, "database_unavailable")
        gateway.app.state.closing = True
        assert readable(await asked(gateway, STREAM)) == (503, "draining")


async def test_limits_come_before_tokens(run: Run) -> None:
    """Else whoever guesses tokens could go on for ever."""
    settings = {"access": "token", "token_secret": SECRET, "requests_per_address": 1}
    async with run(cors_origins=PAGE, **settings) as gateway:
        for path in (STREAM, FEEDS):
            codes = [readable(await asked(gateway, path)) for _ in range(2)]
            assert codes[1] == (429, "rate_limited"), codes


async def test_an_event_source_with_a_token_not_seen_before_is_told_goodbye(
    run: Run, demo: Publisher
) -> None:
    """It would never come back after a 429."""
    await demo.publish(demo.stop("a"))
    settings = {"access": "token", "token_secret": SECRET, "requests_per_address": 1}
    async with run(cors_origins=PAGE, **settings) as gateway:
        headers = {"Accept": "text/event-stream", **bearer("boards:read")}
        for _ in range(2):
            await asked(gateway, FEEDS, headers=bearer("odd"))
        assert gateway.app.state.limits._over
        answer = await asked(gateway, STREAM, headers=headers)
        assert answer.status_code == 200
        assert '"reason":"rate_limited"' in answer.text


@pytest.mark.parametrize("path", [STREAM, FEEDS])
async def test_who_is_over_its_limit_has_no_signature_verified(
    run: Run, clock: Clock, path: str
) -> None:
    """Guesses are dear for the guesser only; a good token waits as long, and no longer."""
    settings = {"access": "token", "token_secret": SECRET, "requests_per_address": 20}
    async with run(cors_origins=PAGE, **settings) as gateway:
        guess = bearer("boards:read")["Authorization"][:-4]
        began = time.monotonic()
        for _ in range(60):
            answer = await asked(gateway, path, headers={"Authorization": guess + "AAAA"})
            assert readable(answer)[1] in {"token_invalid", "rate_limited"}
        # One more each time that its refusal is forgotten, after a second.
        verified = gateway.hub.counts.token_refusals.total() - 20
        assert 0 < verified <= 1 + (time.monotonic() - began) / LONGEST
        refused = 60 - gateway.hub.counts.requests[401]
        assert gateway.app.state.limits.refused["address", "requests"] == refused == 40
        answer = await asked(gateway, path, headers=bearer("odd"))
        assert readable(answer)[0] == 429
        assert int(answer.headers["retry-after"]) <= 3
        await clock.pass_time(3)

        async def served() -> bool:  # once its refusal is forgotten
            answer = await asked(gateway, path, headers=bearer("odd"))
            return readable(answer) == (403, "scope_missing")

        await until(served)


async def test_a_preflight_is_asked_for_nothing(run: Run, demo: Publisher) -> None:
    """Browsers send no token with it, and it costs less than to count it."""
    await demo.publish(demo.stop("a"))
    settings = {"access": "token", "token_secret": SECRET, "requests_per_address": 1}
    async with run(cors_origins=PAGE, **settings) as gateway:
        for path in (STREAM, FEEDS) * 3:
            answer = await asked(gateway, path, "OPTIONS", headers=PREFLIGHT)
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == PAGE
        good = await asked(gateway, FEEDS, headers=bearer("feeds:read"))
        assert good.status_code == 200


@pytest.mark.parametrize("path", ["/v1/auth/apple", "/v1/auth/refresh", "/v1/auth/revoke"])
async def test_what_is_too_large_is_not_even_counted(run: Run, path: str) -> None:
    settings = {"access": "token", "token_secret": SECRET, "requests_per_address": 1}
    async with run(cors_origins=PAGE, **settings) as gateway:
        sent = {"refresh_token": "a" * MOST_BODY}
        answer = await asked(gateway, path, "POST", json=sent)
        assert readable(answer) == (413, "body_too_large")
        answer = await asked(gateway, f"{FEEDS}?{'a' * MOST_URL}")
        assert answer.status_code == 414  # for whom it is was not read any more
        assert (await asked(gateway, FEEDS, headers=bearer("feeds:read"))).status_code == 200
