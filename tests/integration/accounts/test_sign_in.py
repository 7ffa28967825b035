"""`POST /v1/auth/apple`: what an identity token must be, and what is made of it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from gateway.accounts import identity
from tests.deployment import Deployment
from tests.issuer import CLIENT_ID, Issuer, hashed


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_a_sign_in_gives_an_access_and_a_refresh_token(deployment: Deployment) -> None:
    answer = await deployment.post("apple", deployment.issuer.signs_in().body)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given["token_type"] == "Bearer"  # noqa: S105  # the name of a scheme
    assert (given["expires_in"], given["refresh_expires_in"]) == (900, 30 * 86_400)
    assert given["scope"] == "boards:read feeds:read"
    assert len(given["refresh_token"]) == 68
    claims = claims_of(given["access_token"])
    assert claims["iss"] == "https://boards.example.org"
    assert claims["aud"] == "stopcast"
    assert claims["exp"] - claims["iat"] == 900


async def test_the_access_token_is_signed_by_a_published_key(deployment: Deployment) -> None:
    given = await deployment.sign_in()
    answer = await deployment.client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert all("d" not in key for key in answer.json()["keys"])
    token = given["access_token"]
    key = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, ["ES256"], audience="stopcast")["sub"]


async def test_the_same_person_has_the_same_account_and_another_another(
    deployment: Deployment,
) -> None:
    subjects = [
        claims_of((await deployment.sign_in(sub=sub))["access_token"])["sub"]
        for sub in ("one", "two", "one")
    ]
    assert subjects[0] == subjects[2] != subjects[1]
    assert len(await deployment.rows("accounts")) == 2
    assert len(await deployment.rows("refresh_families")) == 3


async def test_postgres_has_neither_subject_nor_mail_nor_any_token(deployment: Deployment) -> None:
    sign_in = deployment.issuer.signs_in(sub="a-subject", email="rider@example.org")
    given = (await deployment.post("apple", sign_in.body)).json()
    tables = ("accounts", "refresh_families", "used_nonces", "apple_consents", "signing_keys")
    stored = [
        value for table in tables for row in await deployment.rows(table) for value in row.values()
    ]
    text = b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for value in stored
    )
    secrets = ["a-subject", "rider@", sign_in.nonce, *deployment.issuer.granted]
    for secret in [*secrets, given["refresh_token"][4:], given["refresh_token"][30:]]:
        assert secret.encode() not in text
    assert b'"d"' not in text  # the private member of a JWK


WRONG: dict[str, tuple[Callable[[Issuer], dict[str, Any]], str]] = {
    "another audience": (lambda _: {"aud": "org.example.other"}, "another audience"),
    "several audiences, for another of them": (
        lambda _: {"aud": [CLIENT_ID, "org.example.other"], "azp": "org.example.other"},
        "another audience",
    ),
    "several audiences, not said for which": (
        lambda _: {"aud": [CLIENT_ID, "org.example.other"]},
        "another audience",
    ),
    "another issuer": (lambda _: {"iss": "https://appleid.example.com"}, "issuer"),
    "expired": (lambda _: {"exp": int(time.time()) - identity.LEEWAY - 1}, "expired"),
    "made too long ago": (
        lambda _: {"iat": int(time.time()) - identity.LONGEST_AGE - 5},
        "expired",
    ),
    "not valid yet": (lambda _: {"nbf": int(time.time()) + 3600}, "not valid yet"),
    "no time of issue": (lambda _: {"iat": None}, "claim"),
    "no subject": (lambda _: {"sub": None}, "claim"),
    "an endless subject": (lambda _: {"sub": "x" * 256}, "claim"),
    "an empty subject": (lambda _: {"sub": ""}, "claim"),
    "a subject that is no ASCII": (lambda _: {"sub": "\u00e9"}, "claim"),
    "no expiry": (lambda _: {"exp": None}, "claim"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_identity_token_is_refused_that_is(deployment: Deployment, wrong: str) -> None:
    claims, reason = WRONG[wrong]
    sign_in = deployment.issuer.signs_in(**claims(deployment.issuer))
    answer = await deployment.post("apple", sign_in.body)
    assert (answer.status_code, answer.json()["code"]) == (401, "identity_token_invalid")
    assert reason in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["cache-control"] == "no-store"
    assert not await deployment.rows("accounts")
    assert deployment.issuer.asked["token"] == 0, "the code is still good"


@pytest.mark.parametrize(
    "given", [None, "another-nonce-than-that-one", lambda nonce: nonce, lambda n: hashed(n).upper()]
)
async def test_the_token_must_hold_the_hash_of_the_nonce(
    deployment: Deployment, given: Any
) -> None:
    """The nonce itself would not do: who finds the token could read it there."""
    sign_in = deployment.issuer.signs_in()
    claim = given(sign_in.nonce) if callable(given) else given
    body = {**sign_in.body, "identity_token": deployment.issuer.identity_token(nonce=claim)}
    answer = await deployment.post("apple", body)
    assert (answer.status_code, answer.json()["code"]) == (401, "identity_token_invalid")
    assert "SHA-256" in answer.json()["detail"]


async def test_an_identity_token_is_good_once(deployment: Deployment) -> None:
    first = deployment.issuer.signs_in()
    again = {**first.body, "authorization_code": deployment.issuer.signs_in().authorization_code}
    assert (await deployment.post("apple", first.body)).status_code == 200
    answer = await deployment.post("apple", again)
    assert (answer.status_code, answer.json()["code"]) == (401, "identity_token_used")
    assert len(await deployment.rows("refresh_families")) == 1
    assert deployment.issuer.asked["token"] == 1


@pytest.mark.parametrize("refusal", ["invalid_grant", "invalid_request"])
async def test_an_identity_token_with_many_codes_is_one_question_to_apple(
    deployment: Deployment, refusal: str
) -> None:
    deployment.issuer.refusal = refusal
    sign_in = deployment.issuer.signs_in()
    codes = []
    for number in range(5):
        sent = {**sign_in.body, "authorization_code": f"c.never-given-{number}"}
        codes.append((await deployment.post("apple", sent)).json()["code"])
    assert codes == ["authorization_code_invalid", *["identity_token_used"] * 4]
    assert deployment.issuer.asked["token"] == 1


async def test_an_identity_token_ten_times_at_once_is_good_once(deployment: Deployment) -> None:
    first = deployment.issuer.signs_in()
    codes = [deployment.issuer.signs_in().authorization_code for _ in range(10)]
    bodies = [{**first.body, "authorization_code": code} for code in codes]
    answers = await asyncio.gather(*(deployment.post("apple", sent) for sent in bodies))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 9]
    assert len(await deployment.rows("refresh_families")) == 1
    assert deployment.issuer.asked["token"] == 1


async def test_used_nonces_are_forgotten_with_their_tokens(deployment: Deployment) -> None:
    for _ in range(3):
        await deployment.sign_in()
    await deployment.postgres.execute("UPDATE used_nonces SET expires_at = now()")
    await deployment.sign_in()
    assert len(await deployment.rows("used_nonces")) == 1


async def test_a_key_of_somebody_else_signs_nobody_in(deployment: Deployment) -> None:
    stranger = Issuer(url=deployment.issuer.url)
    sign_in = deployment.issuer.signs_in()
    [kid] = deployment.issuer.keys
    stranger.keys = {kid: next(iter(stranger.keys.values()))}
    forged = stranger.identity_token(nonce=hashed(sign_in.nonce))
    answer = await deployment.post("apple", {**sign_in.body, "identity_token": forged})
    assert (answer.status_code, answer.json()["code"]) == (401, "identity_token_invalid")


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """For gateways that begin from now on."""
    monkeypatch.setattr("gateway.auth.key_set.PAUSE", 0)


@pytest.mark.usefixtures("no_pause")
async def test_apple_changes_its_keys_meanwhile(deployment: Deployment) -> None:
    await deployment.sign_in()
    deployment.issuer.rotate()
    await deployment.sign_in()
    assert deployment.issuer.asked["keys"] == 2


async def test_apple_is_away(deployment: Deployment) -> None:
    deployment.issuer.away = True
    sign_in = deployment.issuer.signs_in()
    answer = await deployment.post("apple", sign_in.body)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert not await deployment.rows("accounts")


async def test_a_sign_in_that_apple_could_not_finish_can_be_tried_again(
    deployment: Deployment,
) -> None:
    await deployment.sign_in()  # the keys are known
    sign_in = deployment.issuer.signs_in()
    deployment.issuer.away = True
    assert (await deployment.post("apple", sign_in.body)).status_code == 503
    deployment.issuer.away = False
    assert (await deployment.post("apple", sign_in.body)).status_code == 200


async def test_the_code_is_needed_good_and_ones_own(deployment: Deployment) -> None:
    sign_in = deployment.issuer.signs_in()
    without = await deployment.post("apple", {**sign_in.body, "authorization_code": None})
    assert (without.status_code, without.json()["code"]) == (422, "malformed_body")
    assert without.json()["detail"].startswith("authorization_code: ")
    assert (await deployment.post("apple", sign_in.body)).status_code == 200, "nothing was used"
    await deployment.postgres.execute("DELETE FROM accounts")
    strangers = deployment.issuer.signs_in(sub="somebody else").authorization_code
    for code in ("c.never-given", strangers):
        sent = {**deployment.issuer.signs_in().body, "authorization_code": code}
        answer = await deployment.post("apple", sent)
        assert (answer.status_code, answer.json()["code"]) == (401, "authorization_code_invalid")
    assert not await deployment.rows("accounts")
