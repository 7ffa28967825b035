"""The signing keys as one gateway knows them: read from Postgres, and kept while it is away."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import structlog
from jwt import PyJWK

from gateway.accounts.signing_keys import SigningKey, living, read_signing_keys, signing
from gateway.accounts.vault import Vault
from gateway.auth.errors import KeysUnavailableError, KeyUnknownError
from gateway.auth.reading import Reading
from gateway.database import Database
from schemas.answers import KeySet
from schemas.database import DatabaseError
from schemas.errors import StopcastError

log = structlog.get_logger()

RELOAD = 60.0  # seconds after which the keys are read again
# Seconds from one reading to the next at least, whatever unknown keys are asked for.
PAUSE = 5.0
_UNREAD = "the signing keys could not be read from Postgres since the start"


class SigningKeyError(StopcastError):
    """Nobody has made a key yet, or Postgres, which has them, was away since the start."""


class KeyRing:
    """Keys by id for whoever verifies, the one that signs, and the published set."""

    def __init__(
        self, database: Database, vault: Vault, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._vault = vault
        self._keys: list[SigningKey] = []
        self._public: dict[str | None, PyJWK] = {}
        self._reading = Reading(self._read, PAUSE, clock)

    async def find(self, kid: str | None) -> PyJWK:
        """The public key of this id. For a known one nobody waits.

        Raises:
            KeyUnknownError: there is none, as of `PAUSE` ago or later.
            KeysUnavailableError: Postgres could not be read since the start.
        """
        if kid not in self._public:
            await self._reading.now()
        elif self._reading.is_older_than(RELOAD):
            self._reading.soon()
        if kid in self._public:
            return self._public[kid]
        raise KeyUnknownError if self._reading.was_done else KeysUnavailableError(_UNREAD)

    async def signer(self) -> PyJWK:
        """The private key that signs now.

        Raises:
            SigningKeyError: there is none, or Postgres could not be read since the start.
        """
        await self._read_if_old()
        key = signing(self._keys, datetime.now(UTC))
        if key is None:
            raise SigningKeyError("no key to sign with: run `stopcast auth rotate-keys`")
        return key.private_key(self._vault)

    async def published(self) -> KeySet:
        """All public keys, as a JSON Web Key Set (RFC 7517).

        Raises:
            SigningKeyError: Postgres could not be read since the start.
        """
        await self._read_if_old()
        return {"keys": [orjson.loads(key.public_key) for key in self._keys]}

    async def close(self) -> None:
        """End what is under way."""
        await self._reading.close()

    async def _read_if_old(self) -> None:
        if not self._keys or self._reading.is_older_than(RELOAD):
            await self._reading.now()
        if not self._reading.was_done:
            raise SigningKeyError(_UNREAD)

    async def _read(self) -> bool:
        try:
            stored = await read_signing_keys(self._database)
        except DatabaseError as error:
            log.warning("signing_keys_unavailable", error=str(error))
            return False
        ours = [key for key in stored if key.is_ours(self._vault)]
        if foreign := [key.key_id for key in stored if key not in ours]:
            log.error("signing_keys_not_ours", keys=foreign)  # or another STOPCAST_ACCOUNT_KEY
        keys = living(ours, datetime.now(UTC))
        self._public = {key.key_id: PyJWK.from_json(key.public_key) for key in keys}
        self._keys = keys
        return True
