"""Refresh tokens: one line of successors for each sign-in, of which only the newest is valid.

A token is `scr_` and 48 random-looking bytes: the id of its family and 32 bytes of secret. Postgres
has one row for the family, with the hash of the newest secret and of the one before. The successor
of a secret is its keyed hash, so that a refresh whose answer was lost on the way gives, tried
again, the very same token, and nobody has stored it meanwhile (docs/decisions/0022).
"""

import base64
import hashlib
import re
import secrets
from datetime import timedelta
from typing import NamedTuple, Self
from uuid import UUID

from gateway.accounts.vault import Vault
from gateway.database import Connection, Database
from schemas.errors import StopcastError

LIFETIME = timedelta(days=30)  # from the last refresh
# How long after a refresh the token that was given for it is taken once more, while its successor
# is unused. An iOS request fails after 60 s by default, and is then tried again.
RETRY_WINDOW = timedelta(seconds=120)

_PREFIX = "scr_"  # so that people and secret scanners know one when they see it
_FAMILY_BYTES, _SECRET_BYTES = 16, 32
_FORM = re.compile(f"{_PREFIX}([A-Za-z0-9_-]{{64}})")
_SWEPT = 20  # expired rows that go with each new one

_BEGIN = """
INSERT INTO refresh_families (family, account, current, expires_at)
VALUES ($1, $2, $3, now() + $4)
"""
_SWEEP = """
DELETE FROM refresh_families WHERE family IN (
    SELECT family FROM refresh_families WHERE expires_at <= now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
"""
# Locked until the end of the transaction: who refreshes at the same time reads what came of it.
_LOCK = """
SELECT account, current, previous, rotated_at > now() - $2::interval AS lately
FROM refresh_families WHERE family = $1 AND expires_at > now()
FOR UPDATE
"""
_ROTATE = """
UPDATE refresh_families
SET current = $2, previous = current, rotated_at = now(), expires_at = now() + $3
WHERE family = $1
"""
_REVOKE = "DELETE FROM refresh_families WHERE family = $1"


class RefreshTokenError(StopcastError):
    """Not a token that is valid now; `reused`: it was, and its whole family is revoked for it."""

    def __init__(self, *, reused: bool) -> None:
        super().__init__("reused" if reused else "unknown or expired")
        self.reused = reused


class RefreshToken(NamedTuple):
    """What a client holds."""

    family: bytes
    secret: bytes

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` wrote.

        Raises:
            RefreshTokenError: it has not the form of one.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise RefreshTokenError(reused=False)
        held = base64.urlsafe_b64decode(found[1])
        return cls(held[:_FAMILY_BYTES], held[_FAMILY_BYTES:])

    def __str__(self) -> str:
        return _PREFIX + base64.urlsafe_b64encode(self.family + self.secret).decode()

    def __repr__(self) -> str:
        return "RefreshToken(...)"

    @property
    def stored(self) -> bytes:
        """What Postgres has of it. 256 random bits need no slow hash."""
        return hashlib.sha256(self.secret).digest()

    def successor(self, vault: Vault) -> Self:
        return self._replace(secret=vault.keyed_hash("refresh token", self.secret))


class RefreshTokens:
    """The families in Postgres, each step one transaction, by the one clock of Postgres."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def begin(self, connection: Connection, account: UUID) -> RefreshToken:
        """A new family, as part of the caller's transaction; some that expired go."""
        token = RefreshToken.new()
        await connection.execute(_BEGIN, token.family, account, token.stored, LIFETIME)
        await connection.execute(_SWEEP, _SWEPT)
        return token

    async def rotate(self, text: str) -> tuple[UUID, RefreshToken]:
        """The account, and the token that takes this one's place.

        Raises:
            RefreshTokenError: the client must sign in again.
            DatabaseError: Postgres is away; nothing is known of what became of the token, and
                trying again does no harm.
        """
        token = RefreshToken.parse(text)
        successor = token.successor(self._vault)
        async with self._database.transaction() as connection:
            family = await connection.fetchrow(_LOCK, token.family, RETRY_WINDOW)
            if family is None:
                raise RefreshTokenError(reused=False)
            newest = family["current"] == token.stored
            answer_lost = family["previous"] == token.stored and family["lately"]
            if newest:
                await connection.execute(_ROTATE, token.family, successor.stored, LIFETIME)
            elif not answer_lost:
                await connection.execute(_REVOKE, token.family)
        if not newest and not answer_lost:  # raised inside, it would undo the revocation
            raise RefreshTokenError(reused=True)
        return family["account"], successor

    async def revoke(self, text: str) -> None:
        """End the family; any token of it will do, and no token is as good as an ended one.

        Raises:
            DatabaseError: Postgres is away.
        """
        try:
            token = RefreshToken.parse(text)
        except RefreshTokenError:
            return
        await self._database.fetch(_REVOKE, token.family)
