"""Tokens that somebody made to be let in; the issuer is a real server, beside it an attacker's."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.auth.verifier import LONGEST
from gateway.protocol import MOST_WAITING
from tests.client import PATIENCE
from tests.gateways import Gateway
from tests.key_server import (
    ALGORITHMS,
    SECRET,
    KeyServer,
    forge,
    key_set,
    private_key,
    public_jwk,
    serving,
    sign,
)

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

ISSUER = "https://issuer.example"
SETTINGS = {"access": "token", "token_issuer": ISSUER, "token_audience": "boards"}


@pytest.fixture
async def issuer() -> AsyncIterator[KeyServer]:
    async with serving() as server:
        yield server


@pytest.fixture
async def attacker() -> AsyncIterator[KeyServer]:
    async with serving() as server:
        server.publish("evil")
        yield server


@pytest.fixture
async def gateway(run: Run, issuer: KeyServer) -> AsyncIterator[Gateway]:
    async with run(token_keys=issuer.url, token_secret=SECRET, **SETTINGS) as gateway:
        yield gateway


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": "boards", "sub": "me", "exp": now + 600, "scope": "boards:read"}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


async def asked(gateway: Gateway, token: str) -> str:
    """`ok`, or the reason that the gateway counted and the code that it told."""
    before = gateway.hub.counts.token_refusals.copy()
    async with gateway.http() as client:
        headers = {b"Authorization": f"Bearer {token}".encode("latin-1")}
        answer = await client.get("/v1/stops/demo:a/board", headers=headers)
    if answer.status_code == 200:
        return "ok"
    [reason] = gateway.hub.counts.token_refusals - before
    assert answer.status_code == 401
    assert answer.json()["code"] == ("token_expired" if reason == "expired" else "token_invalid")
    return reason


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.digest(secret, signed, hashlib.sha256)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_issuers_own_tokens_are_accepted(gateway: Gateway, algorithm: str) -> None:
    assert await asked(gateway, sign(claims(), algorithm)) == "ok"
    assert await asked(gateway, sign(claims(aud=["x", "boards"]), algorithm)) == "ok"
    assert await asked(gateway, jwt.encode(claims(), SECRET, "HS256")) == "ok"


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 0, [], ["ES256"], {}])
async def test_none_is_no_algorithm(gateway: Gateway, name: Any) -> None:
    header = {"alg": name, "typ": "JWT", "kid": "one-ES256"}
    assert await asked(gateway, forge(header, claims())) == "algorithm"
    signature = sign(claims()).rpartition(".")[2]
    assert await asked(gateway, forge(header, claims()) + signature) == "algorithm"
    del header["alg"]
    assert await asked(gateway, forge(header, claims())) == "algorithm"


@pytest.mark.parametrize("name", ["HS384", "HS512", "RS384", "RS512", "PS256", "ES384", "ES256K"])
async def test_other_algorithms_are_not_accepted(gateway: Gateway, name: str) -> None:
    assert await asked(gateway, forge({"alg": name, "kid": "one-RS256"}, claims())) == "algorithm"
    if name.startswith("HS"):
        token = jwt.encode(claims(), SECRET + SECRET, name)
    elif name[0] in "RP":
        token = jwt.encode(claims(), private_key("RS256", "one-RS256"), name)
    else:
        return
    assert await asked(gateway, token) == "algorithm"


@pytest.mark.parametrize("kid", [f"one-{algorithm}" for algorithm in ALGORITHMS])
async def test_a_public_key_is_no_secret(
    gateway: Gateway, run: Run, issuer: KeyServer, kid: str
) -> None:
    algorithm = kid.removeprefix("one-")
    key = private_key(algorithm, kid).public_key()
    jwk = public_jwk(algorithm, kid)
    secrets = [
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        orjson.dumps(jwk),
        str(jwk.get("n", jwk.get("x"))).encode(),
        b"",
    ]
    tokens = [forge({"alg": "HS256", "kid": kid}, claims(), hs256(secret)) for secret in secrets]
    for token in tokens:
        assert await asked(gateway, token) == "signature"
    async with run(token_keys=issuer.url, **SETTINGS) as without_secret:
        for token in tokens:
            assert await asked(without_secret, token) == "algorithm"


async def test_a_secret_in_a_key_set_is_no_key(run: Run, issuer: KeyServer) -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM", "kid": "s"}
    issuer.answer = orjson.dumps({"keys": [secret, *key_set("one")["keys"]]})
    token = forge({"alg": "HS256", "kid": "s"}, claims(), hs256(b"secret-secret-secret-secret-s"))
    async with run(token_keys=issuer.url, **SETTINGS) as gateway:
        assert await asked(gateway, token) == "algorithm"
        assert await asked(gateway, sign(claims(), alg="ES256")) == "ok"


async def test_a_key_is_for_its_own_algorithm(gateway: Gateway) -> None:
    for algorithm in ALGORITHMS:
        for other in set(ALGORITHMS) - {algorithm}:
            key = private_key(algorithm, f"one-{algorithm}")
            token = jwt.encode(claims(), key, algorithm, {"kid": f"one-{other}"})
            assert await asked(gateway, token) == "algorithm"  # the key's is another
            assert await asked(gateway, forge({"alg": other, "kid": f"one-{algorithm}"}, claims())) == "algorithm"  # fmt: skip


async def test_where_a_token_says_its_key_is_nobody_looks(
    gateway: Gateway, attacker: KeyServer, issuer: KeyServer
) -> None:
    evil = public_jwk("ES256", "evil-ES256")
    for kid in ("evil-ES256", "one-ES256"):
        for told in (
            {"jku": attacker.url},
            {"x5u": attacker.url},
            {"jwk": evil},
            {"x5c": ["MIIB"], "x5t": "x"},
            {"jku": attacker.url, "crit": ["jku"]},
        ):
            token = sign(claims(), "ES256", "evil", kid=kid, **told)
            assert await asked(gateway, token) in {"key_unknown", "signature", "malformed"}
    assert await asked(gateway, sign(claims(iss=attacker.url), "ES256", "evil")) == "issuer"
    assert attacker.asked == []
    assert set(issuer.asked) == {"/keys"}


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null", "/dev/null", "file:///dev/null", "' OR '1'='1", "one-ES256\0",
        "$(id)", "one-ES256 ", "ONE-ES256", "{{7*7}}", "x" * 4000, "http://127.0.0.1:1/", "",
    ],
)  # fmt: skip
async def test_a_key_id_is_a_name_and_nothing_else(gateway: Gateway, kid: str) -> None:
    header = {"alg": "HS256", "kid": kid}
    assert await asked(gateway, forge(header, claims(), hs256(b""))) == "signature"
    assert await asked(gateway, sign(claims(), kid=kid)) == "key_unknown"


@pytest.mark.parametrize("kid", [1, 1.5, True, [], ["one-ES256"], {"a": 1}])
async def test_a_key_id_is_text(gateway: Gateway, kid: Any) -> None:
    assert await asked(gateway, forge({"alg": "ES256", "kid": kid}, claims())) == "malformed"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://issuer.example/"}, "issuer"),
    ({"iss": "HTTPS://issuer.example"}, "issuer"),
    ({"iss": [ISSUER]}, "issuer"),
    ({"iss": ""}, "issuer"),
    ({"iss": None}, "issuer"),
    ({"aud": "board"}, "audience"),
    ({"aud": "boards "}, "audience"),
    ({"aud": ["other"]}, "audience"),
    ({"aud": {"boards": 1}}, "audience"),
    ({"aud": [["boards"]]}, "audience"),
    ({"aud": ""}, "claims"),
    ({"aud": None}, "claims"),
    ({"exp": None}, "claims"),
    ({"exp": 1}, "expired"),
    ({"exp": 0}, "expired"),
    ({"exp": -1e300}, "expired"),
    ({"exp": True}, "expired"),
    ({"exp": "9999999999"}, "claims"),
    ({"exp": 1e300}, "claims"),
    ({"exp": 10**17}, "claims"),
    ({"exp": {}}, "malformed"),
    ({"exp": "never"}, "malformed"),
    ({"nbf": 9999999999}, "not_yet_valid"),
    ({"nbf": "soon"}, "malformed"),
    ({"iat": 9999999999}, "not_yet_valid"),
    ({"sub": None}, "claims"),
    ({"sub": ""}, "claims"),
    ({"sub": 17}, "claims"),
    ({"sub": "x" * 256}, "claims"),
    ({"scope": ["boards:read"]}, "claims"),
    ({"stops": "demo:*"}, "claims"),
    ({"stops": [1]}, "claims"),
    ({"stops": ["demo:*"] * 51}, "claims"),
]


@pytest.mark.parametrize(("changed", "reason"), WRONG)
async def test_a_wrong_claim_is_refused_though_the_signature_is_right(
    gateway: Gateway, changed: dict[str, Any], reason: str
) -> None:
    token = sign_raw(claims(**changed))
    assert await asked(gateway, token) == reason


def sign_raw(told: Any) -> str:
    """By a good key, whatever is told: PyJWT refuses to sign some of it."""
    return forge({"alg": "HS256"}, told, hs256(SECRET.encode()))


async def test_the_leeway_is_small(gateway: Gateway, run: Run, issuer: KeyServer) -> None:
    now = int(time.time())
    assert gateway.app.state.settings.token_leeway == 10
    assert await asked(gateway, sign(claims(exp=now - 11))) == "expired"
    assert await asked(gateway, sign(claims(nbf=now + 60))) == "not_yet_valid"
    async with run(token_keys=issuer.url, token_leeway=300, **SETTINGS) as lenient:
        assert await asked(lenient, sign(claims(exp=now - 11))) == "ok"
        assert await asked(lenient, sign(claims(exp=now - 301))) == "expired"


async def test_a_changed_token_is_refused(gateway: Gateway) -> None:
    token = sign(claims())
    assert await asked(gateway, token) == "ok"
    header, payload, signature = token.split(".")
    _, admin, _ = sign(claims(scope="admin boards:read")).split(".")
    for changed, reason in [
        (f"{header}.{admin}.{signature}", "signature"),
        (f"{header}.{payload}.", "signature"),
        (f"{header}.{payload}", "malformed"),
        (f"{header}..{signature}", "malformed"),
        (f".{payload}.{signature}", "malformed"),
        (f"{token}.{signature}", "malformed"),
        (f"{token}=", "malformed"),
        (f"{token[:40]} {token[40:]}", "malformed"),
        ("..", "malformed"),
        ("\x80\xff", "malformed"),
    ]:
        assert await asked(gateway, changed) == reason, changed
    r, s = signature[:43], signature[43:]
    assert await asked(gateway, f"{header}.{payload}.{s}{r}") in {"signature", "malformed"}


@pytest.mark.parametrize("text", [b"[]", b"1", b"null", b'"x"', b"{", b"[" * 4000, b"\xff"])
async def test_header_and_claims_are_objects(gateway: Gateway, text: bytes) -> None:
    good, payload, signature = sign(claims()).split(".")
    part = jwt.utils.base64url_encode(text).decode()
    assert await asked(gateway, f"{part}.{payload}.{signature}") == "malformed"
    assert await asked(gateway, f"{good}.{part}.{signature}") == "malformed"


async def test_a_long_token_is_not_read(gateway: Gateway, issuer: KeyServer) -> None:
    at_most = sign_raw(claims(pad="x" * 5800))
    assert len(at_most) <= LONGEST
    assert await asked(gateway, at_most) == "ok"
    assert await asked(gateway, sign_raw(claims(pad="x" * LONGEST))) == "malformed"
    reader, writer = await gateway.dial()
    writer.write(b"GET /v1/feeds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * 1_000_000)
    writer.write(b"\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] in {b"401", b"431"}
    assert await asked(gateway, sign(claims())) == "ok"
    assert len(issuer.asked) == 1


async def test_ten_thousand_unknown_keys_cost_the_issuer_a_handful_of_requests(
    gateway: Gateway, issuer: KeyServer
) -> None:
    assert await asked(gateway, sign(claims())) == "ok"
    began = time.monotonic()

    async def ask(numbers: range) -> int:
        reader, writer = await gateway.dial()
        told, answers = claims(), b""
        for asked_for, number in enumerate(numbers, 1):
            token = forge({"alg": "ES256", "kid": f"k{number}"}, told, lambda _: b"x" * 64)
            head = f"GET /v1/stops/demo:a/board HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            writer.write(
                f"{head}\r\n".encode() if number % 2 else f"{head}Accept: */*\r\n\r\n".encode()
            )
            if asked_for % MOST_WAITING == 0 or asked_for == len(numbers):
                async with asyncio.timeout(PATIENCE):
                    while answers.count(b'"code":"token_invalid"') < asked_for:
                        answers += await reader.read(1 << 20)
        writer.close()
        return answers.count(b'"code":"token_invalid"')

    refused = await asyncio.gather(*(ask(range(n, n + 1250)) for n in range(0, 10_000, 1250)))
    assert sum(refused) == 10_000
    assert gateway.hub.counts.token_refusals["key_unknown"] == 10_000
    assert len(issuer.asked) <= 1 + (time.monotonic() - began) / 10 + 1
    issuer.publish("one", "two")
    assert await asked(gateway, sign(claims())) == "ok"


async def test_while_the_issuer_is_away_nobody_is_told_to_throw_a_token_away(
    run: Run, issuer: KeyServer
) -> None:
    await issuer.stop()
    async with (
        run(token_keys=issuer.url, **SETTINGS) as gateway,
        gateway.http() as client,
    ):
        headers = {"Authorization": f"Bearer {sign(claims())}"}
        answer = await client.get("/v1/stops/demo:a/board", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        stream = gateway.client()
        await stream.connect("demo:a", headers=headers)
        await stream.read_until(lambda: stream.named("goodbye"))
        assert stream.events[0].data == {"reason": "unavailable"}
    await issuer.start()
