"""The issuers whose tokens are accepted, as the settings name them."""

from gateway.auth.key_set import ALGORITHMS, KeySet
from gateway.auth.keys import SecretKey
from gateway.auth.verifier import Verifier
from gateway.settings import GatewaySettings


class Issuers:
    """One issuer, known by a secret (HS256), by its public keys, or by both."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.verifiers: list[Verifier] = []
        self.key_set: KeySet | None = None
        about = settings.token_issuer, settings.token_audience
        if settings.token_secret is not None:
            key = SecretKey(settings.token_secret.get_secret_value())
            self.verifiers.append(Verifier(*about, {"HS256"}, key, settings.token_leeway))
        if settings.token_keys is not None:
            self.key_set = KeySet(settings.token_keys)
            self.verifiers.append(Verifier(*about, ALGORITHMS, self.key_set, settings.token_leeway))

    async def close(self) -> None:
        if self.key_set is not None:
            await self.key_set.close()
