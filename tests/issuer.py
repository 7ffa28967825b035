"""A stand-in for Apple on loopback: its keys, its token endpoint, its revocation endpoint.

It answers as https://developer.apple.com/documentation/signinwithapplerestapi says, with keys of
its own, over real HTTP. `away` makes it answer 503 to everything.
"""

import asyncio
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.client import PATIENCE
from tests.leaks import secret

CLIENT_ID = "org.example.departures"
TEAM_ID, KEY_ID = "TEAM123456", "KEY1234567"
DAY = 86_400

_APP_KEY = ec.generate_private_key(ec.SECP256R1())
APPLE_KEY = _APP_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class SignIn(NamedTuple):
    """What the system's sheet gives to an app."""

    identity_token: str
    nonce: str
    authorization_code: str

    @property
    def body(self) -> dict[str, str]:
        return self._asdict()


def hashed(nonce: str) -> str:
    """What an app gives to its provider for this nonce."""
    return hashlib.sha256(nonce.encode()).hexdigest()


@dataclass
class Issuer:
    url: str = ""
    away: bool = False
    refusal: str = "invalid_grant"  # of a code
    gone: bool = False  # all that was granted
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)  # by path
    granted: list[str] = field(default_factory=list)  # refresh tokens
    revoked: list[str] = field(default_factory=list)
    _codes: dict[str, str] = field(default_factory=dict)  # to the subject; each is good once

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        """A new key, and only that."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys = {secrets.token_hex(5): key}

    def identity_token(self, **claims: Any) -> str:
        """As Apple makes it, with these claims instead; None leaves one out."""
        now = int(time.time())
        usual = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "001234.aaaa.0001",
            "iat": now,
            "exp": now + DAY,
            "email": "rider@privaterelay.appleid.com",
            "nonce_supported": True,
        }
        kept = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        [(kid, key)] = self.keys.items()
        return jwt.encode(kept, key, "RS256", {"kid": kid})

    def signs_in(self, **claims: Any) -> SignIn:
        """A person has agreed to sign in; the nonce is new."""
        nonce, code = secret(secrets.token_urlsafe(24)), secret(f"c.{secrets.token_hex(16)}")
        token = self.identity_token(**{"nonce": hashed(nonce), **claims})
        self._codes[code] = claims.get("sub", "001234.aaaa.0001")
        return SignIn(token, nonce, code)

    async def _keys(self, _: Request) -> Response:
        self.asked["keys"] += 1
        if self.away:
            return Response(status_code=503)
        about = {"use": "sig", "alg": "RS256"}
        public = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **about, "kid": kid}
            for kid, key in self.keys.items()
        ]
        return JSONResponse({"keys": public})

    async def _token(self, request: Request) -> Response:
        self.asked["token"] += 1
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        subject = self._codes.pop(form["code"], None)
        if form["grant_type"] != "authorization_code" or subject is None:
            return JSONResponse({"error": self.refusal}, 400)
        self.granted.append(secret(f"r.{secrets.token_hex(32)}"))
        return JSONResponse(
            {
                "access_token": secret(f"a.{secrets.token_hex(32)}"),
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": self.granted[-1],
                "id_token": self.identity_token(sub=subject),
            }
        )

    async def _revoke(self, request: Request) -> Response:
        self.asked["revoke"] += 1
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        assert form["token_type_hint"] == "refresh_token"  # noqa: S105  # the name of a kind
        if self.gone:
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.revoked.append(form["token"])
        return Response(status_code=200)

    async def _form(self, request: Request) -> dict[str, str] | Response:
        if self.away:
            return Response(status_code=503)
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        pairs = (pair.partition("=")[::2] for pair in (await request.body()).decode().split("&"))
        form = dict(pairs)
        try:
            self._check(form["client_secret"], form["client_id"])
        except (jwt.PyJWTError, AssertionError):
            return JSONResponse({"error": "invalid_client"}, 400)
        return form

    def _check(self, signed: str, client_id: str) -> None:
        assert client_id == CLIENT_ID
        assert jwt.get_unverified_header(signed)["kid"] == KEY_ID
        claims = jwt.decode(
            signed,
            _APP_KEY.public_key(),
            ["ES256"],
            audience=self.url,
            issuer=TEAM_ID,
            subject=client_id,
        )
        assert claims["exp"] - claims["iat"] <= 15_777_000

    def routes(self) -> list[Route]:
        return [
            Route("/auth/keys", self._keys),
            Route("/auth/token", self._token, methods=["POST"]),
            Route("/auth/revoke", self._revoke, methods=["POST"]),
        ]


@asynccontextmanager
async def serving() -> AsyncIterator[Issuer]:
    """The issuer on a free loopback port, `issuer.url`."""
    issuer = Issuer()
    app = Starlette(routes=issuer.routes())
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            log_level="warning",
            lifespan="off",
            timeout_keep_alive=3600,  # whoever uses a connection at the moment of its end gets an error
        )
    )
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:  # noqa: ASYNC110  # uvicorn sets no event
                await asyncio.sleep(0.01)
        issuer.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield issuer
    finally:
        server.should_exit = True
        await task
