"""What STOPCAST_ACCOUNT_KEY does: keyed hashes, and sealing what Postgres must not tell."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import StopcastError

KEY_BYTES = 32
_NONCE_BYTES = 12  # of AES-GCM; drawn at random, for far fewer than 2^32 seals (NIST SP 800-38D)


class VaultError(StopcastError):
    """What was sealed with another key, or is damaged."""


class Vault:
    """One key, from which HKDF (RFC 5869) makes one for hashing and one for sealing."""

    def __init__(self, key: bytes) -> None:
        self._hashing = _derived(key, b"stopcast keyed hash")
        self._cipher = AESGCM(_derived(key, b"stopcast seal"))

    def keyed_hash(self, purpose: str, *parts: bytes) -> bytes:
        """HMAC-SHA-256, 32 bytes; other purposes and other divisions into parts hash differently."""
        framed = b"".join(
            len(part).to_bytes(4, "big") + part for part in (purpose.encode(), *parts)
        )
        return hmac.digest(self._hashing, framed, hashlib.sha256)

    def seal(self, plain: bytes, context: str) -> bytes:
        """AES-256-GCM; opens only with the same context."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What `seal` sealed.

        Raises:
            VaultError: it was sealed with another key or context.
        """
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, context.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to have been sealed
            raise VaultError(
                f"{context}: STOPCAST_ACCOUNT_KEY is not the key that this was sealed with"
            ) from None


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)
