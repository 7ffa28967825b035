"""What a verifier asks of a token by itself: others than the gateway's access rest on it."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
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


def of_kind(kind: Any) -> str:
    """A good one whose `typ` is anything, which PyJWT does not write; None: it has none."""
    header = {"alg": "HS256"} if kind is None else {"alg": "HS256", "typ": kind}
    encoded = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    signed = encoded + b"." + token().split(".")[1].encode()
    signature = urlsafe_b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).rstrip(b"=")
    return (signed + b"." + signature).decode()


async def test_the_claims_of_a_good_token_come_whole() -> None:
    claims = await VERIFIER.claims(token())
    assert (claims["sub"], claims["nonce"]) == ("me", "n")


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp"])
async def test_a_token_without_one_of_these_is_refused(claim: str) -> None:
    with pytest.raises(TokenError):
        await VERIFIER.claims(token(**{claim: None}))


KINDS = [None, "JWT", "jwt", "at+jwt", "application/at+jwt", "Application/JWT"]
OTHERS = ["secevent+jwt", "logout+jwt", "dpop+jwt", "", "application/", 7, ["JWT"], {}]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_access_token_may_say_that_it_is_one(kind: str | None) -> None:
    assert await VERIFIER.claims(of_kind(kind))


@pytest.mark.parametrize("kind", OTHERS)
async def test_a_token_for_another_purpose_is_refused(kind: Any) -> None:
    """RFC 8725, section 3.11: the same issuer may sign much else with the same key."""
    with pytest.raises(TokenError) as error:
        await VERIFIER.claims(of_kind(kind))
    assert error.value.reason == "kind"


async def test_another_issuers_key_is_not_asked_for() -> None:
    class Nobody(SecretKey):
        async def find(self, kid: str | None) -> jwt.PyJWK:
            raise AssertionError(kid)

    verifier = Verifier("us", "one", {"HS256"}, Nobody(SECRET))
    for changed, reason in ((token(iss="them"), "issuer"), ("a.b.c", "malformed")):
        with pytest.raises(TokenError) as error:
            await verifier.claims(changed)
        assert error.value.reason == reason
