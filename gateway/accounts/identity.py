"""Who signs in: what an identity token of OpenID Connect proves, if it is meant for us, now."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import NamedTuple

from gateway.accounts.providers import Provider
from gateway.auth.errors import TokenError
from gateway.auth.keys import Keys
from gateway.auth.verifier import Verifier

# Seconds for which an identity token is taken, however long its issuer lets it live (Apple: a day).
# So long is remembered which were used.
LONGEST_AGE = 600
LEEWAY = 30  # seconds that the issuer's clock and ours may differ

_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


class NonceError(TokenError):
    """The token was made for another sign-in than this one."""

    def __init__(self) -> None:
        super().__init__("claims")


class Identity(NamedTuple):
    """A person as an issuer knows them, at one sign-in."""

    issuer: str
    subject: str
    client_id: str  # of the app that asked for the token
    nonce: str

    def __repr__(self) -> str:
        return "Identity(...)"


class IdentityVerifier:
    """Accepts the identity tokens of one provider."""

    def __init__(
        self, provider: Provider, keys: Keys, clock: Callable[[], float] = time.time
    ) -> None:
        self._client_ids = frozenset(provider.client_ids)
        self._clock = clock
        self.verifier = Verifier(
            provider.issuer, provider.client_ids, provider.algorithms, keys, LEEWAY
        )

    async def identify(self, token: str, nonce: str) -> Identity:
        """Who the token is about.

        An app gives its provider the SHA-256 of the nonce and us the nonce: who finds an identity
        token somewhere cannot sign in with it. Apple and others put what they are given into the
        token as it is; for Apple, this is what Firebase Authentication made the custom.

        Raises:
            NonceError: it was not made for this nonce.
            TokenError: any other reason why it is not accepted.
            KeysUnavailableError: the provider's keys are out of reach.
        """
        claims = await self.verifier.claims(token)
        subject, issued, given = claims["sub"], claims.get("iat"), claims.get("nonce")
        if not (0 < len(subject) <= _LONGEST_SUBJECT and subject.isascii()):
            raise TokenError("claims")
        if not isinstance(issued, int | float):
            raise TokenError("claims")
        if issued < self._clock() - LONGEST_AGE:
            raise TokenError("expired")
        expected = hashlib.sha256(nonce.encode()).hexdigest()
        if not (isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())):
            raise NonceError
        return Identity(self.verifier.issuer, subject, self._client_id(claims), nonce)

    def _client_id(self, claims: dict[str, object]) -> str:
        """A token for several audiences names the one that asked for it (OpenID Connect, 3.1.3.7)."""
        asked = claims["aud"]
        if isinstance(asked, list):
            asked = asked[0] if len(asked) == 1 else claims.get("azp")
        if not (isinstance(asked, str) and asked in self._client_ids):
            raise TokenError("audience")
        return asked
