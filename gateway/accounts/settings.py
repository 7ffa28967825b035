"""What the environment says about accounts. They are off while none of it is set."""

import base64
import binascii
from typing import Annotated, Any, Self

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretBytes,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import NoDecode

from gateway.accounts.providers import APPLE, Provider, url, with_presets
from gateway.accounts.vault import KEY_BYTES
from schemas.settings import Settings

ProviderName = Annotated[str, StringConstraints(pattern="^[a-z0-9_-]{1,32}$")]
_TAKEN = {"refresh", "revoke"}  # paths beside /v1/auth/{provider}


def _key(given: Any) -> Any:
    if not isinstance(given, str):
        return given  # of a test: bytes
    try:
        key = base64.b64decode(given.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"{KEY_BYTES} bytes in base64 are needed: openssl rand -base64 {KEY_BYTES}"
        )
    return key


def _apple_key(secret: SecretStr) -> SecretStr:
    try:
        key = load_pem_private_key(secret.get_secret_value().encode(), None)
    except (ValueError, TypeError):
        key = None
    if not (isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)):
        text = "the text of the .p8 file from Apple is needed, with its BEGIN and END"
        raise ValueError(text)  # noqa: TRY004  # pydantic wants a ValueError
    return secret


def _providers(given: Any) -> Any:
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"no JSON: {error}") from None
    return with_presets(given)


class AccountSettings(Settings):
    """All or nothing: what is missing beside the others ends the start."""

    public_url: Annotated[str, AfterValidator(url)] | None = Field(
        None, description="Where clients reach the gateway: `iss` of the tokens that it gives."
    )
    account_key: Annotated[SecretBytes, BeforeValidator(_key)] | None = Field(
        None, description="Hashes subjects, seals our signing keys and Apple's tokens."
    )
    providers: Annotated[dict[ProviderName, Provider], NoDecode, BeforeValidator(_providers)] = (
        Field({}, description="Whose identity tokens are taken, by name, as JSON.")
    )
    apple_team_id: str | None = Field(None, description="Of the Apple Developer account.")
    apple_key_id: str | None = Field(None, description="Of the key for Sign in with Apple.")
    apple_key: Annotated[SecretStr, AfterValidator(_apple_key)] | None = Field(
        None, description="That key, the text of its .p8 file."
    )

    @model_validator(mode="after")
    def _accounts_are_whole(self) -> Self:
        needed = {
            "STOPCAST_ACCOUNT_KEY": self.account_key,
            "STOPCAST_PROVIDERS": self.providers,
            "STOPCAST_PUBLIC_URL": self.public_url,
        }
        missing = [name for name, value in needed.items() if not value]
        if missing and (self.account_key or self.providers):
            raise ValueError(f"accounts need {', '.join(missing)}, too")
        if taken := _TAKEN & self.providers.keys():
            raise ValueError(f"STOPCAST_PROVIDERS: {min(taken)!r} cannot be a provider's name")
        return self

    @model_validator(mode="after")
    def _apples_key_is_whole(self) -> Self:
        parts = {
            "STOPCAST_APPLE_TEAM_ID": self.apple_team_id,
            "STOPCAST_APPLE_KEY_ID": self.apple_key_id,
            "STOPCAST_APPLE_KEY": self.apple_key,
        }
        missing = [name for name, value in parts.items() if not value]
        if missing and len(missing) < len(parts):
            raise ValueError(f"Apple's key needs {', '.join(missing)}, too")
        if not missing and APPLE not in self.providers:
            raise ValueError(f"STOPCAST_APPLE_KEY needs {APPLE!r} in STOPCAST_PROVIDERS")
        return self
