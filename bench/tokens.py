"""What a token costs: verified for the first time, remembered, and not sent at all.

    python bench/tokens.py [--tokens 5000] [--rounds 5]

Each round verifies as many tokens, each of another subject; the fastest round counts.
`python -m bench.fanout connects` has it with sockets and streams around.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.auth import verified_tokens
from gateway.auth.access import Access
from gateway.auth.grant import TokenScope
from gateway.auth.keys import Keys, SecretKey
from gateway.auth.verifier import Verifier
from gateway.door import Door

ISSUER, AUDIENCE = "https://issuer.example", "boards"
SECRET = "s" * 48
STREAMS = 15_000


class OneKey:
    """A key that is there: reading a set is not what is measured."""

    def __init__(self, key: jwt.PyJWK) -> None:
        self.key = key

    async def find(self, kid: str | None) -> jwt.PyJWK:  # noqa: ARG002  # there is but one
        return self.key


def pair(algorithm: str) -> tuple[Any, Keys]:
    """What signs, and what verifies."""
    private: Any
    if algorithm == "HS256":
        return SECRET, SecretKey(SECRET)
    if algorithm == "RS256":
        private = rsa.generate_private_key(65537, 2048)
        public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    elif algorithm == "ES256":
        private = ec.generate_private_key(ec.SECP256R1())
        public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        private = ed25519.Ed25519PrivateKey.generate()
        public = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return private, OneKey(jwt.PyJWK({**public, "kid": "bench"}, algorithm))


def tokens(private: Any, algorithm: str, count: int) -> Iterator[str]:
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "scope": "boards:read",
        "exp": int(time.time()) + 7200,
    }
    for number in range(count):
        subject = {"sub": f"{number:032x}"}
        yield jwt.encode({**claims, **subject}, private, algorithm, {"kid": "bench"})


def write_tokens(folder: Path) -> dict[str, str]:
    """A key set and as many tokens as a crowd has streams, in files; the gateway's settings."""
    private, keys = pair("ES256")
    assert isinstance(keys, OneKey)
    jwk = {**ECAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "bench"}
    (folder / "keys.json").write_bytes(orjson.dumps({"keys": [jwk]}))
    (folder / "tokens").write_text("\n".join([*tokens(private, "ES256", STREAMS), ""]))
    return {
        "STOPCAST_ACCESS": "token",
        "STOPCAST_TOKEN_KEYS": str(folder / "keys.json"),
        "STOPCAST_TOKEN_ISSUER": ISSUER,
        "STOPCAST_TOKEN_AUDIENCE": AUDIENCE,
    }


async def admitted(access: Access, sent: list[str | None]) -> float:
    """Microseconds each."""
    others = [(b"host", b"127.0.0.1"), (b"accept", b"text/event-stream"), (b"user-agent", b"x")]
    scopes: list[Any] = [
        {"headers": [*others, (b"authorization", b"Bearer " + token.encode())] if token else others,
         "query_string": b""}
        for token in sent
    ]  # fmt: skip
    began = time.perf_counter()
    for scope in scopes:
        await access.admit(scope, TokenScope.BOARDS)
    return (time.perf_counter() - began) / len(sent) * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    verified_tokens.REMEMBERED = given.tokens
    for algorithm in ("HS256", "RS256", "ES256", "EdDSA"):
        private, keys = pair(algorithm)
        made: list[str | None] = [*tokens(private, algorithm, given.tokens)]
        first, again, without = [], [], []
        for _ in range(given.rounds):
            verifier = Verifier(ISSUER, AUDIENCE, {algorithm}, keys)
            door = Door(sys.maxsize, 5)
            access = Access(
                [verifier], required=True, door=door, refusals=Counter(), recall=lambda _: None
            )
            first.append(await admitted(access, made))
            again.append(await admitted(access, made))
            unasked = Access(
                [verifier], required=False, door=door, refusals=Counter(), recall=lambda _: None
            )
            without.append(await admitted(unasked, [None] * given.tokens))
        print(f"{algorithm}  first {min(first):6.1f} µs  remembered {min(again):5.2f} µs  "
              f"open access, no token {min(without):5.2f} µs")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
