"""What Apple asks of a server: exchange the authorization code, and revoke what came of it.

Apps that let people create accounts must let them delete these (App Store Review Guideline 5.1.1),
and revoke Apple's tokens when they do (Apple's technical note TN3194). There is something to revoke
only if the code of a sign-in was exchanged for a refresh token, within five minutes.
https://developer.apple.com/documentation/signinwithapplerestapi
"""

import time
from http import HTTPStatus
from typing import Any

import httpx
import jwt
import orjson

from gateway.auth.errors import TokenError
from gateway.auth.verifier import Verifier
from schemas.errors import StopcastError, reason

TIMEOUT = 5.0
_SECRET_LIFETIME = 300  # seconds; Apple allows half a year
# Of what we send, the code or token alone is not ours (RFC 6749, section 5.2).
_REFUSED = {"invalid_grant", "invalid_request"}


class AppleError(StopcastError):
    """Apple is out of reach, or refuses us; the text says which, and has no token in it."""


class GoneError(AppleError):
    """Apple's token is not good any more: there is nothing to revoke."""


class CodeError(StopcastError):
    """The authorization code is not (or no longer) good, or belongs to somebody else."""


class Apple:
    """Speaks to Apple's token endpoints for one team and its key."""

    def __init__(self, issuer: str, team_id: str, key_id: str, key: str) -> None:
        self._issuer = issuer
        self._team_id = team_id
        self._key_id = key_id
        self._key = key
        self._client = httpx.AsyncClient(timeout=TIMEOUT)

    async def exchange(self, code: str, client_id: str, subject: str, verifier: Verifier) -> str:
        """Apple's refresh token for the code of this very person's sign-in.

        Raises:
            CodeError: see there.
            AppleError: see there.
        """
        form = {"grant_type": "authorization_code", "code": code}
        answer = await self._post("token", form, client_id)
        if str(answer.get("error")) in _REFUSED:
            raise CodeError("the authorization code is not valid")
        refresh_token, identity_token = answer.get("refresh_token"), answer.get("id_token")
        if not (isinstance(refresh_token, str) and isinstance(identity_token, str)):
            raise AppleError(f"Apple's token endpoint: {_said(answer)}")
        try:
            claims = await verifier.claims(identity_token)
        except TokenError as error:
            raise AppleError(f"Apple's token endpoint: {error}") from None
        if claims["sub"] != subject:
            raise CodeError("the authorization code is of another person's sign-in")
        return refresh_token

    async def revoke(self, token: str, client_id: str) -> None:
        """End the consent; the person finds the app gone from those that use their Apple Account.

        Raises:
            GoneError, AppleError: see there.
        """
        answer = await self._post(
            "revoke", {"token": token, "token_type_hint": "refresh_token"}, client_id
        )
        if answer.get("error") == "invalid_grant":
            raise GoneError("Apple's revocation endpoint: invalid_grant")
        if "error" in answer:
            raise AppleError(f"Apple's revocation endpoint: {_said(answer)}")

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, endpoint: str, form: dict[str, str], client_id: str) -> dict[str, Any]:
        """The answer's JSON; of a revocation that went well there is none."""
        about = {"client_id": client_id, "client_secret": self._secret(client_id)}
        url = f"{self._issuer}/auth/{endpoint}"
        try:
            response = await self._client.post(url, data={**about, **form})
        except httpx.HTTPError as error:
            raise AppleError(f"Apple's {endpoint} endpoint: {reason(error)}") from None
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
            raise AppleError(f"Apple's {endpoint} endpoint: status {response.status_code}")
        if not response.content:
            return {}
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise AppleError(f"Apple's {endpoint} endpoint: no JSON object")
        return answer

    def _secret(self, client_id: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self._team_id,
            "iat": now,
            "exp": now + _SECRET_LIFETIME,
            "aud": self._issuer,
            "sub": client_id,
        }
        return jwt.encode(claims, self._key, "ES256", {"kid": self._key_id})


def _said(answer: dict[str, Any]) -> str:
    """The error's name (RFC 6749, section 5.2): the rest of an answer may have tokens in it."""
    return str(answer.get("error", "an answer without the tokens"))[:100]
