"""What is remembered of a token, and for how long."""

import time
from collections import Counter
from typing import Any

import jwt
import pytest

from gateway.auth import verified_tokens
from gateway.auth.access import Access
from gateway.auth.grant import TokenScope
from gateway.auth.keys import SecretKey
from gateway.auth.verified_tokens import TRUSTED
from gateway.auth.verifier import Verifier
from gateway.door import Door
from gateway.problems import Problem
from tests.key_server import SECRET


class CountedKey(SecretKey):
    asked = 0

    async def find(self, kid: str | None) -> jwt.PyJWK:
        self.asked += 1
        return await super().find(kid)


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def token(ttl: int = 3600, **changed: Any) -> str:
    good = {"iss": "us", "aud": "boards", "sub": "me", "exp": int(time.time()) + ttl}
    return jwt.encode({**good, "scope": "boards:read", **changed}, SECRET, "HS256")


def request(text: str) -> dict[str, Any]:
    return {"headers": [(b"authorization", b"Bearer " + text.encode())], "query_string": b""}


def made(key: CountedKey, clock: Clock, *, patience: float = 5) -> Access:
    verifier = Verifier("us", "boards", {"HS256"}, key, 10)
    door = Door(1, patience)
    return Access(
        [verifier], required=True, door=door, refusals=Counter(), recall=lambda _: None, clock=clock
    )


async def test_a_token_is_verified_once_and_again_after_a_while() -> None:
    key, clock = CountedKey(SECRET), Clock()
    access, sent = made(key, clock), token()
    for _ in range(100):
        scope = request(sent)
        await access.admit(scope, TokenScope.BOARDS)
        assert scope["grant"].subject == "me"
    assert key.asked == 1
    for _ in range(3):  # it does not live longer for being used
        clock.now += TRUSTED / 3
        await access.admit(request(sent), TokenScope.BOARDS)
    assert key.asked == 2
    clock.now += TRUSTED
    await access.admit(request(sent), TokenScope.BOARDS)
    assert key.asked == 3


async def test_a_token_is_forgotten_when_it_expires() -> None:
    key, clock = CountedKey(SECRET), Clock()
    access, sent = made(key, clock), token(60)
    scope = request(sent)
    await access.admit(scope, TokenScope.BOARDS)
    clock.now = scope["grant"].expires - 0.1
    await access.admit(request(sent), TokenScope.BOARDS)
    assert key.asked == 1
    clock.now = scope["grant"].expires
    await access.admit(request(sent), TokenScope.BOARDS)  # the real clock is not as far
    assert key.asked == 2


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_tokens, "REMEMBERED", 2)
    key = CountedKey(SECRET)
    access = made(key, Clock())
    tokens = [token(sub=str(number)) for number in range(5)]
    for sent in [*tokens[:4], *tokens[:4]]:  # two generations
        await access.admit(request(sent), TokenScope.BOARDS)
    assert key.asked == 4
    for sent in [tokens[4], *tokens[2:]]:  # the first of a third
        await access.admit(request(sent), TokenScope.BOARDS)
    assert key.asked == 5
    await access.admit(request(tokens[0]), TokenScope.BOARDS)
    assert key.asked == 6


async def test_a_bad_token_is_not_remembered_as_good() -> None:
    key = CountedKey(SECRET)
    access, sent = made(key, Clock()), token(-3600)
    for _ in range(2):
        with pytest.raises(Problem) as refusal:
            await access.admit(request(sent), TokenScope.BOARDS)
        assert refusal.value.code == "token_expired"
    assert access.refusals == {"expired": 2}


async def test_of_two_issuers_each_verifies_its_own() -> None:
    ours, theirs = CountedKey(SECRET), CountedKey("another secret of the tests, 32 bytes")
    verifiers = [
        Verifier("us", "boards", {"HS256"}, ours), Verifier("them", "boards", {"HS256"}, theirs)
    ]  # fmt: skip
    access = Access(
        verifiers, required=True, door=Door(9, 5), refusals=Counter(), recall=lambda _: None
    )
    await access.admit(request(token()), TokenScope.BOARDS)
    with pytest.raises(Problem):
        await access.admit(request(token(iss="them")), TokenScope.BOARDS)
    with pytest.raises(Problem):
        await access.admit(request(token(iss="nobody")), TokenScope.BOARDS)
    assert access.refusals == {"signature": 1, "issuer": 1}
    assert (ours.asked, theirs.asked) == (1, 1)


async def test_who_would_wait_too_long_for_the_verification_is_told_so() -> None:
    access = made(CountedKey(SECRET), Clock(), patience=-1)
    access._door._room = 0
    with pytest.raises(Problem) as refusal:
        await access.admit(request(token()), TokenScope.BOARDS)
    assert (refusal.value.status, refusal.value.code) == (503, "overloaded")


async def test_where_nothing_is_required_the_grant_says_who_it_is() -> None:
    access = made(CountedKey(SECRET), Clock())
    access.required = False
    scope = request(token(scope=""))
    await access.admit(scope, TokenScope.ADMIN)
    assert scope["grant"].subject == "me"
    nobody: dict[str, Any] = {"headers": [], "query_string": b""}
    await access.admit(nobody, TokenScope.ADMIN)
    assert "grant" not in nobody
