"""What a verifier asks of a token by itself: others than the gateway's access rest on it."""

import time
from typing import Any

import jwt
import pytest

from gateway.auth.errors import TokenError
from gateway.auth.keys import SecretKey
from gateway.auth.verifier import Verifier
from tests.key_server import SECRET

VERIFIER = Verifier("us", {"one", "two"}, {"HS256"}, SecretKey(SECRET))
GOOD = {"iss": "us", "aud": "two", "sub": "me", "exp": 0, "nonce": "n"}


def token(**changed: Any) -> str:
    claims = {**GOOD, "exp": int(time.time()) + 60, **changed}
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, SECRET, "HS256")


async def test_the_claims_of_a_good_token_come_whole() -> None:
    claims = await VERIFIER.claims(token())
    assert (claims["sub"], claims["nonce"]) == ("me", "n")


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp"])
async def test_a_token_without_one_of_these_is_refused(claim: str) -> None:
    with pytest.raises(TokenError):
        await VERIFIER.claims(token(**{claim: None}))


async def test_another_issuers_key_is_not_asked_for() -> None:
    class Nobody(SecretKey):
        async def find(self, kid: str | None) -> jwt.PyJWK:
            raise AssertionError(kid)

    verifier = Verifier("us", "one", {"HS256"}, Nobody(SECRET))
    for changed, reason in ((token(iss="them"), "issuer"), ("a.b.c", "malformed")):
        with pytest.raises(TokenError) as error:
            await verifier.claims(changed)
        assert error.value.reason == reason
