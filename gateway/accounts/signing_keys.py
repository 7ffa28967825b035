"""Our own signing keys: in Postgres, the private part sealed; a command rotates them.

A key is published before it signs, and until the last token that it signed has expired. Which one
signs follows from `active_from` alone, so nothing has to be done at that moment.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm

from gateway.accounts.vault import Vault, VaultError
from gateway.database import Database

ALGORITHM = "ES256"
ACCESS_LIFETIME = timedelta(minutes=15)
# From a key's publication to its first use: longer than others keep what they have read, be it a
# gateway (KeyRing's RELOAD) or who reads /.well-known/jwks.json (its max-age).
AHEAD = timedelta(minutes=10)
# From its successor's first use to its end: its last tokens, their leeway, and gateways that have
# not noticed yet.
OVERLAP = ACCESS_LIFETIME + timedelta(minutes=5)

_LOCK = 0x53544F51  # any number that nothing else locks; two rotations take turns
_READ = "SELECT key_id, public_key, sealed_private_key, active_from FROM signing_keys"
_INSERT = """
INSERT INTO signing_keys (key_id, public_key, sealed_private_key, active_from)
VALUES ($1, $2, $3, $4)
"""
_REMOVE = "DELETE FROM signing_keys WHERE key_id = ANY($1)"


class SigningKey(NamedTuple):
    """A key as Postgres has it."""

    key_id: str
    public_key: str  # a JWK
    sealed_private_key: bytes  # a JWK
    active_from: datetime

    def private_key(self, vault: Vault) -> PyJWK:
        """What tokens are signed with.

        Raises:
            VaultError: it was sealed with another key.
        """
        return PyJWK.from_json(
            vault.open(self.sealed_private_key, _context(self.key_id)).decode(), ALGORITHM
        )

    def is_ours(self, vault: Vault) -> bool:
        """Whether the public key belongs to the private one, which only the account key can seal.

        Else whoever may write to Postgres could publish a key of his own, and sign tokens with it.
        """
        try:
            opened = vault.open(self.sealed_private_key, _context(self.key_id))
            private: dict[str, Any] = json.loads(opened)
            public: object = json.loads(self.public_key)
        except (VaultError, ValueError):
            return False
        return {name: value for name, value in private.items() if name != "d"} == public


class Rotation(NamedTuple):
    """What `rotate` did."""

    newest: SigningKey
    made: bool  # False: it was there before
    waits: bool  # it does not sign yet
    removed: tuple[str, ...]


def living(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """Those that are published, oldest first: all but those whose successor is long in use."""
    ordered = sorted(keys, key=lambda key: key.active_from)
    successors = ordered[1:]
    ended = sum(successor.active_from + OVERLAP <= now for successor in successors)
    return ordered[ended:]


def signing(keys: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    """The one that signs: the last that has become active, or the first that will.

    The first of all is active at once, by the clock of Postgres; ours may be behind it.
    """
    ordered = sorted(keys, key=lambda key: key.active_from)
    active = [key for key in ordered if key.active_from <= now]
    return next(iter(active[-1:] or ordered), None)


def new_key(vault: Vault, active_from: datetime) -> SigningKey:
    """A key that has not been seen by anyone."""
    key_id, key = secrets.token_hex(8), generate_private_key(SECP256R1())
    about = {"kid": key_id, "use": "sig", "alg": ALGORITHM}
    private = json.dumps(_jwk(key) | about).encode()
    public = json.dumps(_jwk(key.public_key()) | about)
    return SigningKey(key_id, public, vault.seal(private, _context(key_id)), active_from)


async def read_signing_keys(database: Database) -> list[SigningKey]:
    """All that are there.

    Raises:
        DatabaseError: Postgres is away.
    """
    return [_of_row(row) for row in await database.fetch(_READ)]


async def rotate(database: Database, vault: Vault, *, at_once: bool = False) -> Rotation:
    """Make the next key, unless one waits already; remove those that have ended.

    `at_once` is for a key that others may know: all keys end, and the new one signs now.

    Raises:
        DatabaseError: Postgres is away.
    """
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        now: datetime = await connection.fetchval("SELECT now()")
        keys = [_of_row(row) for row in await connection.fetch(_READ)]
        kept = [] if at_once else living(keys, now)
        removed = tuple(key.key_id for key in keys if key not in kept)
        await connection.execute(_REMOVE, removed)
        if kept and kept[-1].active_from > now:
            return Rotation(kept[-1], made=False, waits=True, removed=removed)
        key = new_key(vault, now + AHEAD if kept else now)
        await connection.execute(_INSERT, *key)
    return Rotation(key, made=True, waits=bool(kept), removed=removed)


def _of_row(row: Any) -> SigningKey:
    return SigningKey(**row)


def _jwk(key: Any) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(key, as_dict=True)


def _context(key_id: str) -> str:
    return f"signing key {key_id}"
