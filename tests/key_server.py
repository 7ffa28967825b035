"""An issuer's key set behind a real HTTP server on loopback, and the issuer's private keys."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = "a secret of the tests, of 32 bytes"  # noqa: S105  # it is none
ALGORITHMS = ("RS256", "ES256", "EdDSA")


@cache  # an RSA key takes a moment
def private_key(algorithm: str, kid: str) -> Any:
    """The same key for the same name, for the whole session."""
    del kid
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def public_jwk(algorithm: str, kid: str) -> dict[str, Any]:
    key = private_key(algorithm, kid).public_key()
    made: dict[str, Callable[..., Any]] = {
        "RS256": RSAAlgorithm.to_jwk, "ES256": ECAlgorithm.to_jwk, "EdDSA": OKPAlgorithm.to_jwk,
    }  # fmt: skip
    return {**made[algorithm](key, as_dict=True), "kid": kid, "alg": algorithm, "use": "sig"}


def key_set(*kids: str, algorithms: tuple[str, ...] = ALGORITHMS) -> dict[str, Any]:
    """Keys `<kid>-<algorithm>`."""
    return {
        "keys": [public_jwk(alg, f"{kid}-{alg}") for kid in kids for alg in algorithms],
    }


def sign(
    claims: Mapping[str, Any], algorithm: str = "ES256", key: str = "one", **header: Any
) -> str:
    """A token by the key `<key>-<algorithm>`, whatever its header says."""
    name = f"{key}-{algorithm}"
    headers = {"kid": name, **header}
    return jwt.encode(dict(claims), private_key(algorithm, name), algorithm, headers)


def forge(header: Any, claims: Any, signature: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """A token as no library makes it."""

    def part(data: bytes) -> bytes:
        return urlsafe_b64encode(data).rstrip(b"=")

    signed = part(orjson.dumps(header)) + b"." + part(orjson.dumps(claims))
    return (signed + b"." + part(signature(signed))).decode()


class KeyServer:
    """Answers every GET with `answer` (`status` 200), once `open` is set; `asked` has the paths."""

    def __init__(self) -> None:
        self.answer = orjson.dumps(key_set("one"))
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    def publish(self, *kids: str) -> None:
        self.answer = orjson.dumps(key_set(*kids))

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        await self.open.wait()
        fields = {"Content-Length": len(self.answer), "Connection": "close", **self.headers}
        lines = [f"HTTP/1.1 {self.status} OK", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + self.answer)
        try:
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    await server.start()
    try:
        yield server
    finally:
        server.open.set()
        await server.stop()
