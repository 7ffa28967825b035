"""What people agreed to at Apple, as Apple's refresh tokens: kept sealed, and taken back.

Of an erased account they stay, without the account, until Apple has answered: an erasure waits for
nobody, and a process that ends in between forgets nothing.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from gateway.accounts.apple import Apple, AppleError, GoneError
from gateway.accounts.vault import Vault, VaultError
from gateway.database import Connection, Database
from schemas.database import DatabaseError

log = structlog.get_logger()

PAUSE = 60.0  # seconds between two looks for what other gateways left
AGAIN = timedelta(minutes=5)  # from one try to the next
GIVEN_UP = timedelta(days=30)  # people can still end it in the settings of their Apple Account
_BATCH = 10

_KEEP = """
INSERT INTO apple_consents (account, client_id, sealed_token) VALUES ($1, $2, $3)
ON CONFLICT (account, client_id) DO UPDATE SET sealed_token = excluded.sealed_token
"""
_END = """
INSERT INTO consent_revocations (client_id, sealed_token)
SELECT client_id, sealed_token FROM apple_consents WHERE account = $1
"""
# Whoever has written its time here has it until the next try is due.
_TAKE = """
UPDATE consent_revocations SET tried_at = now() WHERE number IN (
    SELECT number FROM consent_revocations
    WHERE tried_at IS NULL OR tried_at <= now() - $1::interval
    ORDER BY tried_at NULLS FIRST, number LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING number, client_id, sealed_token, asked_at <= now() - $3::interval AS old
"""
_DONE = "DELETE FROM consent_revocations WHERE number = $1"


class Consents:
    """Those of all accounts; any gateway revokes what is due."""

    def __init__(self, database: Database, vault: Vault, apple: Apple) -> None:
        self._database = database
        self._vault = vault
        self._apple = apple
        self._ended = asyncio.Event()

    async def keep(self, connection: Connection, account: UUID, client_id: str, token: str) -> None:
        """The newest of an account and app, as part of the caller's transaction."""
        sealed = self._vault.seal(token.encode(), _context(client_id))
        await connection.execute(_KEEP, account, client_id, sealed)

    async def end(self, connection: Connection, account: UUID) -> None:
        """Have those of an account revoked, if the caller's transaction erases it."""
        await connection.execute(_END, account)

    def look(self) -> None:
        """There is something to revoke: do not wait for the next look."""
        self._ended.set()

    async def run(self) -> None:
        """Revoke what is due, for ever."""
        while True:
            self._ended.clear()
            try:
                await self.revoke_due()
            except DatabaseError as error:
                log.warning("consents_unavailable", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._ended.wait()

    async def revoke_due(self) -> None:
        """What Apple does not take now is tried again later; while it takes some, so are the next.

        Raises:
            DatabaseError: Postgres is away.
        """
        done = taken = _BATCH
        while done and taken == _BATCH:
            rows = await self._database.fetch(_TAKE, AGAIN, _BATCH, GIVEN_UP)
            done, taken = 0, len(rows)
            for row in rows:
                if await self._revoked(row["client_id"], row["sealed_token"]) or row["old"]:
                    await self._database.fetch(_DONE, row["number"])
                    done += 1

    async def _revoked(self, client_id: str, sealed: bytes) -> bool:
        try:
            token = self._vault.open(sealed, _context(client_id)).decode()
            await self._apple.revoke(token, client_id)
        except GoneError:
            log.warning("consent_gone", client_id=client_id)
        except (AppleError, VaultError) as error:
            log.warning("consent_not_revoked", error=str(error))
            return False
        return True


def _context(client_id: str) -> str:
    return f"Apple's refresh token for {client_id}"
