"""Who vouches for people: OpenID Connect issuers, as STOPCAST_PROVIDERS names them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.auth.key_set import is_url, key_source

APPLE = "apple"
# https://developer.apple.com/documentation/signinwithapplerestapi; RS256 signs all its tokens.
_PRESETS: dict[str, dict[str, Any]] = {
    APPLE: {"issuer": "https://appleid.apple.com", "keys": "https://appleid.apple.com/auth/keys"},
}


def url(text: str) -> str:
    """An address that nobody on the way can answer for.

    Raises:
        ValueError: it is none.
    """
    if not is_url(text):
        raise ValueError("a URL is needed, https://…")
    return key_source(text)


class Provider(BaseModel):
    """One issuer. The key of the mapping it stands in is its name in `/v1/auth/{provider}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, AfterValidator(url)] = Field(
        description="`iss` of its identity tokens, to the letter."
    )
    client_ids: tuple[str, ...] = Field(
        min_length=1, description="What our apps are called there: `aud` is one of them."
    )
    keys: Annotated[str, AfterValidator(url)] = Field(
        repr=False,  # a URL may have a password in it
        description="URL of its JSON Web Key Set (`jwks_uri` of its discovery document).",
    )
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = Field(
        ("RS256",), min_length=1, description="With which it signs."
    )


def with_presets(providers: Any) -> Any:
    """What the environment leaves out of a provider that we know by name."""
    if not isinstance(providers, dict):
        return providers  # pydantic says what is wrong with it
    return {
        name: {**_PRESETS.get(name, {}), **given} if isinstance(given, dict) else given
        for name, given in providers.items()
    }
