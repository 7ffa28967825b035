"""Where a Verifier finds the key of a token."""

from base64 import urlsafe_b64encode
from typing import Protocol

from jwt import PyJWK


class Keys(Protocol):
    """The keys of one issuer."""

    async def find(self, kid: str | None) -> PyJWK:
        """The key of this id; None: the token names none.

        Raises:
            KeyUnknownError: there is none.
            KeysUnavailableError: it cannot be said whether there is one.
        """
        ...


class SecretKey:
    """The one key of an issuer that shares a secret with us (HS256)."""

    def __init__(self, secret: str) -> None:
        encoded = urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()
        self.key = PyJWK({"kty": "oct", "k": encoded}, "HS256")

    async def find(self, kid: str | None) -> PyJWK:  # noqa: ARG002  # there is but one
        return self.key
