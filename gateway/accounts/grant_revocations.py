"""Apple's grants of erased accounts: kept, without the account, until Apple has taken them back."""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from gateway.accounts.apple_grant import AppleError, AppleGrant
from gateway.accounts.vault import Vault, VaultError
from gateway.database import Connection, Database
from schemas.database import DatabaseError

log = structlog.get_logger()

PAUSE = 60.0  # seconds between two looks
AGAIN = timedelta(minutes=5)  # from one try to the next
GIVEN_UP = timedelta(days=30)  # the person can still end it in their Apple Account's settings
_BATCH = 10

_KEEP = """
INSERT INTO apple_grants (account, client_id, sealed_token) VALUES ($1, $2, $3)
ON CONFLICT (account, client_id) DO UPDATE SET sealed_token = excluded.sealed_token
"""
_ASK = """
INSERT INTO grant_revocations (client_id, sealed_token)
SELECT client_id, sealed_token FROM apple_grants WHERE account = $1
"""
# Whoever has written its time here has it until the next try is due.
_TAKE = """
UPDATE grant_revocations SET tried_at = now() WHERE number IN (
    SELECT number FROM grant_revocations
    WHERE tried_at IS NULL OR tried_at <= now() - $1::interval
    ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING number, client_id, sealed_token, asked_at <= now() - $3::interval AS old
"""
_DONE = "DELETE FROM grant_revocations WHERE number = $1"


class GrantRevocations:
    """Keeps the grants of accounts, and gives them back to Apple."""

    def __init__(self, database: Database, vault: Vault, apple: AppleGrant) -> None:
        self._database = database
        self._vault = vault
        self._apple = apple

    async def keep(self, connection: Connection, account: UUID, client_id: str, token: str) -> None:
        """The newest grant of an account, as part of the caller's transaction."""
        sealed = self._vault.seal(token.encode(), _context(client_id))
        await connection.execute(_KEEP, account, client_id, sealed)

    async def ask(self, connection: Connection, account: UUID) -> None:
        """Have an account's grants revoked, if the caller's transaction erases it."""
        await connection.execute(_ASK, account)

    async def settle(self) -> None:
        """Revoke what is due. What Apple does not take now is tried again later, by anyone.

        Raises:
            DatabaseError: Postgres is away.
        """
        for row in await self._database.fetch(_TAKE, AGAIN, _BATCH, GIVEN_UP):
            if await self._revoked(row["client_id"], row["sealed_token"]) or row["old"]:
                await self._database.fetch(_DONE, row["number"])

    async def run(self) -> None:
        """Settle from time to time."""
        while True:
            try:
                await self.settle()
            except DatabaseError as error:
                log.warning("grant_revocations_unavailable", error=str(error))
            await asyncio.sleep(PAUSE)

    async def _revoked(self, client_id: str, sealed: bytes) -> bool:
        try:
            token = self._vault.open(sealed, _context(client_id)).decode()
            await self._apple.revoke(token, client_id)
        except (AppleError, VaultError) as error:
            log.warning("grant_not_revoked", error=str(error))
            return False
        return True


def _context(client_id: str) -> str:
    return f"Apple's refresh token for {client_id}"
