"""What the gateway reads from the environment; docs/configuration.md lists all."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from gateway.accounts.settings import AccountSettings
from gateway.auth.key_set import key_source

# As browsers send it (RFC 6454, section 6.2): lower case, no path; apps have schemes of their own.
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[a-z0-9.\[\]:_-]+")

# Bytes; as long as the hash of HS256 (RFC 7518, section 3.2).
SHORTEST_SECRET = 32


def _long_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SHORTEST_SECRET:
        raise ValueError(f"at least {SHORTEST_SECRET} bytes, say of: openssl rand -base64 48")
    return secret


class GatewaySettings(AccountSettings):
    """Who may read, then limits and intervals of the streams. Times are seconds, sizes bytes."""

    access: Literal["open", "token"] = Field(
        "open", description="`token`: boards, feeds and metrics need a token."
    )
    token_secret: Annotated[SecretStr, AfterValidator(_long_secret)] | None = Field(
        None, description="Tokens signed with it (HS256) are accepted."
    )
    token_keys: Annotated[str, AfterValidator(key_source)] | None = Field(
        None,
        repr=False,  # a URL may have a password in it
        description="The issuer's public keys: URL or path of a JSON Web Key Set.",
    )
    token_issuer: str = Field("stopcast", min_length=1, description="`iss` of a token.")
    token_audience: str = Field("stopcast", min_length=1, description="`aud` of a token.")
    token_leeway: int = Field(
        10, ge=0, le=300, description="By how much the issuer's clock and ours may differ."
    )

    drain_grace: float = Field(
        5, ge=0, description="After the first SIGTERM: /readyz says 503, the socket still accepts."
    )
    drain_window: float = Field(
        20, ge=0, description="Then open streams are closed one by one, spread over this time."
    )
    max_stops: int = Field(50, ge=1, description="Stops in one stream.")
    max_streams: int = Field(20_000, ge=1, description="Open streams of one process.")
    max_watchers: int = Field(
        200,
        ge=0,
        description="Of them, terminals that this process draws for, a tenth for one address; "
        "0: none.",
    )
    starts_per_turn: int = Field(
        50,
        ge=1,
        description="New streams in one turn of the event loop; others wait, up to start_timeout, "
        "so that a crowd that comes at once does not hold up open streams.",
    )
    stream_lifetime: float = Field(
        3600,
        ge=0,
        description="A stream is closed after about this time (plus or minus a fifth), so that "
        "streams spread over new gateways; 0: never.",
    )
    retry: float = Field(
        2, gt=0, description="Reconnection delay told to clients (plus or minus a half)."
    )
    heartbeat: float = Field(15, gt=0, description="Between two heartbeats of a stream.")
    start_timeout: float = Field(
        5,
        gt=0,
        description="How long a new stream waits for its turn, and then for boards, before it is "
        "told to retry.",
    )
    compress: bool = Field(default=True, description="Streams are gzip for clients that accept it.")
    write_buffer: int = Field(
        64 * 1024, ge=1024, description="Unsent bytes above which a client is conflated."
    )
    send_buffer: int = Field(
        64 * 1024, ge=4096, description="SO_SNDBUF: what the kernel holds unsent for a connection."
    )
    frozen_limit: float = Field(
        60, gt=0, description="A client that takes nothing for this long is aborted."
    )
    tail_patches: int = Field(
        100, ge=1, description="Patches kept behind a board before its snapshot is fetched anew."
    )
    tail_bytes: int = Field(64 * 1024, ge=1, description="The same, in bytes.")
    linger: float = Field(
        10, ge=0, description="How long a stop is followed after its last stream ended."
    )
    feed_poll: float = Field(2, gt=0, description="Between two looks at the feeds' states.")
    owner_timeout: float = Field(
        15, gt=0, description="A feed whose ingester was silent for this long is `down`."
    )
    sweep: float = Field(
        30, gt=0, description="Between two comparisons of all followed boards with Redis."
    )
    requests_per_address: int = Field(
        6000,
        ge=0,
        le=1_000_000,
        description="Requests a minute that one address may make, at all gateways; 0: any number.",
    )
    requests_per_subject: int = Field(
        600, ge=0, le=1_000_000, description="The same for the subject of a token."
    )
    streams_per_address: int = Field(
        2000, ge=0, description="Open streams of one address, at all gateways; 0: any number."
    )
    streams_per_subject: int = Field(50, ge=0, description="The same for the subject of a token.")
    stream_lease: float = Field(
        30, gt=0, description="The streams of a gateway that was killed count for so long."
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="Networks whose X-Forwarded-For is believed, with commas between."
    )
    admin_port: int | None = Field(
        None, ge=1, le=65535, description="Where `/metrics` is answered, and only there."
    )
    admin_host: str = Field("127.0.0.1", description="The address of the admin port.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Origins whose web pages may read answers, with commas between; `*`: all, "
        "empty: none. Never with credentials.",
    )

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        return [part for part in (text.strip() for text in given.split(",")) if part]

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin, as https://example.org or `*`")
        return value

    @model_validator(mode="after")
    def _tokens_can_be_verified(self) -> Self:
        sources = self.token_secret, self.token_keys, self.account_key
        if self.access == "token" and sources == (None, None, None):
            raise ValueError(
                "STOPCAST_ACCESS=token needs STOPCAST_TOKEN_SECRET, STOPCAST_TOKEN_KEYS or accounts"
            )
        if self.token_keys is not None and "token_issuer" not in self.model_fields_set:
            raise ValueError("STOPCAST_TOKEN_KEYS needs STOPCAST_TOKEN_ISSUER: whose keys they are")
        return self
