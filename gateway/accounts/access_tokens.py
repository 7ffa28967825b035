"""Access tokens of our own: JSON Web Tokens (RFC 7519) that any gateway verifies by itself."""

import time
from uuid import UUID

import jwt
from jwt import PyJWK

from gateway.accounts.signing_keys import ACCESS_LIFETIME, ALGORITHM
from gateway.auth.grant import TokenScope

SCOPE = f"{TokenScope.BOARDS} {TokenScope.FEEDS}"


class AccessTokens:
    """Of one issuer (our public URL) for one audience."""

    def __init__(self, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience

    def issue(self, account: UUID, key: PyJWK) -> str:
        """A token that says nothing of whom the account belongs to."""
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(account),
            "scope": SCOPE,
            "iat": now,
            "exp": now + int(ACCESS_LIFETIME.total_seconds()),
        }
        return jwt.encode(claims, key, ALGORITHM, {"kid": key.key_id})
