"""A stream ends when its token does, and goes on with the next."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from gateway.auth.grant import TokenScope
from gateway.auth.minting import mint
from gateway.settings import GatewaySettings
from tests.gateways import Gateway, eventually
from tests.key_server import SECRET
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

SETTINGS: dict[str, Any] = {
    "access": "token",
    "token_secret": SECRET,
    "token_leeway": 0,
}


def token(ttl: int, subject: str = "me") -> str:
    return mint(GatewaySettings.load(**SETTINGS), subject, [TokenScope.BOARDS], ttl)


def expiry(text: str) -> int:
    return int(jwt.decode(text, options={"verify_signature": False})["exp"])


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def test_a_stream_ends_when_its_token_expires_and_the_next_one_misses_nothing(
    run: Run, demo: Publisher
) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    async with run(**SETTINGS, heartbeat=60) as gateway:
        client, other = gateway.client(), gateway.client()
        await other.connect(a, b, headers=bearer(token(900)))
        await other.agree(demo.boards)
        first = token(600)
        await client.connect(a, b, headers=bearer(first))
        await client.agree(demo.boards)
        expires = expiry(first)
        expiries = gateway.hub.expiries
        assert expiries.over(expires - 0.1) == []
        expiries.clock = lambda: expires
        await client.read_until(lambda: client.ended)
        assert client.events[-1].data == {"reason": "token_expired"}
        assert client.retry is not None
        await client.closed()
        await eventually(lambda: len(gateway.hub.subscribers) == 1)
        assert len(expiries._ends) == 1  # the other's

        await demo.publish(a)  # while it is away
        assert await client.connect(a, b, headers=bearer(token(0))) == 401
        await client.connect(a, b, headers=bearer(token(900)))
        await client.agree(demo.boards)
        assert gateway.hub.counts.resumes == {"fresh": 2, "snapshots": 1}
        await other.agree(demo.boards)
        assert gateway.hub.counts.goodbyes == {"token_expired": 1}


async def test_a_stream_that_leaves_before_its_token_expires_is_forgotten(
    run: Run, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"))
    async with run(**SETTINGS) as gateway:
        client = gateway.client()
        await client.connect(demo.stop("a"), headers=bearer(token(600)))
        await client.agree(demo.boards)
        assert gateway.hub.expiries._ends
        await client.cut()
        await eventually(lambda: not gateway.hub.subscribers)
        assert not gateway.hub.expiries._ends


async def test_an_event_source_sends_its_token_as_a_parameter(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(**SETTINGS) as gateway:
        client = gateway.client()
        await client.connect(a, headers=bearer(token(600)))
        await client.agree(demo.boards)
        sent = token(600)
        query = {"stop": a, "access_token": sent, "last_event_id": client.cursor}
        await client.request(f"/v1/stream?{urlencode(query)}", {"Accept": "text/event-stream"})
        await demo.publish(a)
        await client.agree(demo.boards)
        assert gateway.hub.counts.resumes == {"fresh": 1, "current": 1}
        await eventually(lambda: len(gateway.hub.subscribers) == 1)
        [subscriber] = gateway.hub.subscribers
        protocol: Any = subscriber.transport.get_protocol()
        assert sent not in repr([vars(protocol), vars(protocol.cycle)])  # while it is open


async def test_a_refused_stream_has_a_status_that_ends_an_event_source(
    run: Run, demo: Publisher
) -> None:
    """Another try with the same token would fare no better."""
    await demo.publish(demo.stop("a"))
    async with (
        run(**SETTINGS) as gateway,
        gateway.http() as client,
    ):
        answer = await client.get(
            "/v1/stops/demo:a/stream", headers={"Accept": "text/event-stream"}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


@pytest.mark.parametrize("shared", [True, False])
async def test_a_crowd_comes_and_its_tokens_expire(
    run: Run, demo: Publisher, monkeypatch: pytest.MonkeyPatch, *, shared: bool
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    monkeypatch.setattr("gateway.expiries.MOST", 7)
    async with run(**SETTINGS, starts_per_turn=2) as gateway:
        crowd = [gateway.client() for _ in range(40)]
        for number, client in enumerate(crowd):
            sent = token(600 if shared else 600 + number, "all" if shared else str(number))
            await client.connect(a, headers=bearer(sent))
        for client in crowd:
            await client.agree(demo.boards)
        gateway.hub.expiries.clock = lambda: time.time() + 900
        for client in crowd:
            await client.read_until(lambda client=client: client.ended)  # type: ignore[misc]
        await eventually(lambda: not gateway.hub.subscribers)
        assert gateway.hub.counts.goodbyes == {"token_expired": 40}
