"""An issuer's keys, as its server gives them: cached, read again, and held while it is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.auth import key_set as module
from gateway.auth.errors import KeysUnavailableError, KeyUnknownError
from gateway.auth.key_set import LARGEST, PAUSE, RELOAD, KeySet, key_source
from tests.gateways import eventually
from tests.key_server import KeyServer, key_set, public_jwk, serving


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def asking(source: str) -> AsyncIterator[tuple[KeySet, Clock]]:
    clock = Clock()
    keys = KeySet(source, clock)
    try:
        yield keys, clock
    finally:
        await keys.close()


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    async with serving() as server:
        yield server


async def test_keys_are_read_once_for_all_who_ask(server: KeyServer) -> None:
    async with asking(server.url) as (keys, _):
        server.open.clear()
        asked = [asyncio.create_task(keys.find("one-ES256")) for _ in range(200)]
        await eventually(lambda: server.asked)
        asked[0].cancel()  # who leaves takes nothing from the others
        server.open.set()
        found = await asyncio.gather(*asked[1:])
        assert {key.key_id for key in found} == {"one-ES256"}
        await keys.find("one-RS256")
        assert len(server.asked) == 1


async def test_an_unknown_key_is_worth_one_reading_and_then_a_pause(server: KeyServer) -> None:
    async with asking(server.url) as (keys, clock):
        await keys.find("one-ES256")
        clock.now += PAUSE
        for number in range(1000):
            with pytest.raises(KeyUnknownError):
                await keys.find(f"unknown{number}")
        assert len(server.asked) == 2
        server.publish("one", "two")
        with pytest.raises(KeyUnknownError):
            await keys.find("two-ES256")
        clock.now += PAUSE
        assert (await keys.find("two-ES256")).key_id == "two-ES256"
        assert len(server.asked) == 3


async def test_old_keys_are_read_again_while_they_serve(server: KeyServer) -> None:
    async with asking(server.url) as (keys, clock):
        await keys.find("one-ES256")
        server.publish("two")
        clock.now += RELOAD + 1
        server.open.clear()
        await keys.find("one-ES256")  # does not wait
        await eventually(lambda: len(server.asked) == 2)
        server.open.set()
        await eventually(lambda: "two-ES256" in keys._keys)
        with pytest.raises(KeyUnknownError):  # withdrawn
            await keys.find("one-ES256")


async def test_keys_serve_while_the_issuer_is_away(server: KeyServer) -> None:
    async with asking(server.url) as (keys, clock):
        await keys.find("one-ES256")
        await server.stop()
        for _ in range(3):
            clock.now += RELOAD + 1
            await keys.find("one-ES256")
            await eventually(lambda: not keys._reading.is_under_way)
        clock.now += PAUSE
        with pytest.raises(KeysUnavailableError):  # nobody can say that there is none
            await keys.find("two-ES256")
        server.publish("one", "two")
        await server.start()
        clock.now += PAUSE
        await keys.find("two-ES256")


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, orjson.dumps(key_set("one"))),
        (302, orjson.dumps(key_set("one"))),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"keys":[]}'),
        (200, b'{"keys":17}'),
        (200, b'{"keys":[17,{"kty":"RSA"},{"kty":[]},{"kty":"EC","crv":"P-256","x":"!","y":1}]}'),
        (200, orjson.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one-ES256"}]})),
        (200, orjson.dumps({"keys": [{**public_jwk("ES256", "one-ES256"), "use": "enc"}]})),
        (200, orjson.dumps({**key_set("one"), "pad": "x" * LARGEST})),
    ],
)
async def test_an_answer_that_is_no_key_set_is_no_answer(
    server: KeyServer, status: int, answer: bytes
) -> None:
    server.headers = {"Location": "/keys"}
    async with asking(server.url) as (keys, clock):
        good, server.answer = server.answer, answer
        server.status = status
        with pytest.raises(KeysUnavailableError):
            await keys.find("one-ES256")
        with pytest.raises(KeysUnavailableError):
            await keys.find("one-ES256")
        assert len(server.asked) == 1  # within the pause; and a redirect is not followed
        server.status, server.answer = 200, good
        clock.now += PAUSE
        await keys.find("one-ES256")
        server.status, server.answer = status, answer
        clock.now += RELOAD + 1
        await keys.find("one-ES256")
        await eventually(lambda: len(server.asked) == 3 and not keys._reading.is_under_way)
        await keys.find("one-ES256")


async def test_a_server_that_never_ends_is_left(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    server.open.clear()
    async with asking(server.url) as (keys, _):
        with pytest.raises(KeysUnavailableError):
            await keys.find("one-ES256")


async def test_keys_that_we_do_not_know_are_passed_over(server: KeyServer) -> None:
    odd: list[Any] = [{"kty": "XYZ", "kid": "odd"}, {**public_jwk("ES256", "x"), "kid": [1]}]
    server.answer = orjson.dumps({"keys": [*odd, public_jwk("EdDSA", "good")]})
    async with asking(server.url) as (keys, _):
        assert (await keys.find("good")).algorithm_name == "EdDSA"
        assert (await keys.find(None)).key_id == "good"  # it is the only one


async def test_a_token_without_a_key_id_is_not_guessed_at(server: KeyServer) -> None:
    async with asking(server.url) as (keys, _):
        with pytest.raises(KeyUnknownError):
            await keys.find(None)


async def test_keys_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    async with asking(str(path)) as (keys, clock):
        with pytest.raises(KeysUnavailableError):
            await keys.find("one-ES256")
        path.write_bytes(orjson.dumps(key_set("one")))
        clock.now += PAUSE
        await keys.find("one-ES256")


@pytest.mark.parametrize("good", ["https://a.example/k", "http://127.0.0.1:1/k", "keys.json"])
def test_a_source_is_a_file_or_a_url_that_nobody_can_answer_for(good: str) -> None:
    assert key_source(good) == good


@pytest.mark.parametrize("bad", ["http://a.example/k", "http://10.0.0.1/k", "ftp://a.example/k"])
def test_keys_do_not_come_over_an_open_line(bad: str) -> None:
    with pytest.raises(ValueError, match="https"):
        key_source(bad)


def test_a_source_is_shown_without_its_secrets() -> None:
    assert str(KeySet("https://me:pass@a.example/k?key=1")) == "https://a.example/k"
