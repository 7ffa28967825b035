"""Signing in, staying signed in, signing out, and leaving nothing behind."""

from datetime import timedelta
from typing import NamedTuple, Self
from uuid import UUID

from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.apple import Apple, AppleError
from gateway.accounts.consents import Consents
from gateway.accounts.identity import LEEWAY, LONGEST_AGE, Identity, IdentityVerifier
from gateway.accounts.key_ring import KeyRing
from gateway.accounts.providers import APPLE
from gateway.accounts.refresh_tokens import RefreshToken, RefreshTokens
from gateway.accounts.signing_keys import ALGORITHM
from gateway.accounts.vault import Vault
from gateway.auth.key_set import KeySet
from gateway.auth.verifier import Verifier
from gateway.database import Database
from gateway.settings import GatewaySettings
from schemas.errors import StopcastError

_USED_FOR = timedelta(seconds=LONGEST_AGE + 2 * LEEWAY)  # then the token has expired for sure
_SWEPT = 20  # nonces that go with each new one

_USE_NONCE = """
INSERT INTO used_nonces (nonce, expires_at) VALUES ($1, now() + $2)
ON CONFLICT DO NOTHING RETURNING true
"""
_FORGET_NONCE = "DELETE FROM used_nonces WHERE nonce = $1"
_SWEEP_NONCES = """
DELETE FROM used_nonces WHERE nonce IN (
    SELECT nonce FROM used_nonces WHERE expires_at <= now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
"""
# The update changes nothing, but it locks the row and returns it: an erasure waits.
_ACCOUNT = """
INSERT INTO accounts (subject) VALUES ($1)
ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject
RETURNING account
"""
_ERASE = "DELETE FROM accounts WHERE account = $1"
_LOCK = "SELECT FROM accounts WHERE account = $1 FOR UPDATE"


class ReplayError(StopcastError):
    """The identity token was used before."""


class UnknownProviderError(StopcastError):
    """No provider has this name."""


class CodeMissingError(StopcastError):
    """Apple's authorization code is needed, and was not sent."""


class Tokens(NamedTuple):
    """What a sign-in or a refresh gives."""

    access: str
    refresh: RefreshToken

    def __repr__(self) -> str:
        return "Tokens(...)"


class Accounts:
    """The accounts of one deployment; docs/accounts.md says what is stored of them."""

    def __init__(self, settings: GatewaySettings, key: bytes, url: str, database: Database) -> None:
        self._database = database
        self._vault = Vault(key)
        self.keys = KeyRing(database, self._vault)
        about = url, settings.token_audience
        self.verifier = Verifier(*about, {ALGORITHM}, self.keys, settings.token_leeway)
        self._access_tokens = AccessTokens(*about)
        self._refresh_tokens = RefreshTokens(database, self._vault)
        self._key_sets = {name: KeySet(one.keys) for name, one in settings.providers.items()}
        self._identities = {
            name: IdentityVerifier(one, self._key_sets[name])
            for name, one in settings.providers.items()
        }
        self._apple = _apple(settings)
        self.consents = Consents(database, self._vault, self._apple) if self._apple else None

    @classmethod
    def configured(cls, settings: GatewaySettings, database: Database) -> Self | None:
        """None: accounts are off."""
        if settings.account_key is None or settings.public_url is None:
            return None
        key = settings.account_key.get_secret_value()
        return cls(settings, key, settings.public_url, database)

    async def sign_in(
        self, provider: str, identity_token: str, nonce: str, code: str | None
    ) -> Tokens:
        """Tokens for whom the identity token is about, with a new account if there is none yet.

        Raises:
            UnknownProviderError, CodeMissingError, ReplayError: see there.
            TokenError, KeysUnavailableError: of the identity token.
            CodeError, AppleError: see gateway/accounts/apple.py.
            SigningKeyError, DatabaseError: we cannot, for now.
        """
        if provider not in self._identities:
            raise UnknownProviderError(f"There is no provider {provider!r}.")
        identity = await self._identities[provider].identify(identity_token, nonce)
        code = self._needed(code, provider)
        key = await self.keys.signer()  # before anything is stored
        used = await self._use_nonce(identity)  # before Apple is asked: once for each token
        apples = await self._exchange(identity, code, used)
        async with self._database.transaction() as connection:
            account: UUID = await connection.fetchval(_ACCOUNT, self._subject(identity))
            if apples is not None and self.consents is not None:
                await self.consents.keep(connection, account, identity.client_id, apples)
            refresh = await self._refresh_tokens.begin(connection, account)
        return Tokens(self._access_tokens.issue(account, key), refresh)

    async def refresh(self, token: str) -> Tokens:
        """The next tokens for this refresh token.

        Raises:
            RefreshTokenError: the client must sign in again.
            SigningKeyError, DatabaseError: we cannot, for now; the token is as good as before.
        """
        key = await self.keys.signer()
        account, refresh = await self._refresh_tokens.rotate(token)
        return Tokens(self._access_tokens.issue(account, key), refresh)

    async def revoke(self, token: str) -> None:
        """Sign out where this refresh token is.

        Raises:
            DatabaseError: Postgres is away.
        """
        await self._refresh_tokens.revoke(token)

    async def erase(self, account: UUID) -> None:
        """Forget everything about the account, and have the consent at Apple revoked.

        Raises:
            DatabaseError: Postgres is away.
        """
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, account)
            if self.consents is not None:
                await self.consents.end(connection, account)
            await connection.execute(_ERASE, account)
        if self.consents is not None:
            self.consents.look()

    async def close(self) -> None:
        """End what is under way."""
        for key_set in self._key_sets.values():
            await key_set.close()
        await self.keys.close()
        if self._apple is not None:
            await self._apple.close()

    def _needed(self, code: str | None, provider: str) -> str | None:
        """The code that is to be exchanged; None: nothing is."""
        if provider != APPLE or self._apple is None:
            return None
        if code is None:
            raise CodeMissingError("is needed: without it, nothing could be revoked later")
        return code

    async def _use_nonce(self, identity: Identity) -> bytes:
        """What Postgres now has of it."""
        used = self._vault.keyed_hash("nonce", *map(str.encode, identity))
        async with self._database.transaction() as connection:
            if await connection.fetchval(_USE_NONCE, used, _USED_FOR) is None:
                raise ReplayError("the identity token was used before")
            await connection.execute(_SWEEP_NONCES, _SWEPT)
        return used

    async def _exchange(self, identity: Identity, code: str | None, used: bytes) -> str | None:
        if code is None or self._apple is None:
            return None
        verifier = self._identities[APPLE].verifier
        try:
            return await self._apple.exchange(code, identity.client_id, identity.subject, verifier)
        except AppleError:  # not the client's doing: the same may be tried again
            await self._database.fetch(_FORGET_NONCE, used)
            raise

    def _subject(self, identity: Identity) -> bytes:
        parts = identity.issuer.encode(), identity.subject.encode()
        return self._vault.keyed_hash("subject", *parts)


def _apple(settings: GatewaySettings) -> Apple | None:
    """None: Apple is no provider, or there is no key of its developer programme."""
    provider = settings.providers.get(APPLE)
    team_id, key_id, key = settings.apple_team_id, settings.apple_key_id, settings.apple_key
    if provider is None or team_id is None or key_id is None or key is None:
        return None
    return Apple(provider.issuer, team_id, key_id, key.get_secret_value())
