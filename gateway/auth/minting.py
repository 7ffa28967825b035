"""Tokens signed with our own secret."""

import time
from collections.abc import Collection, Sequence

import jwt

from gateway.auth.grant import TokenScope
from gateway.settings import GatewaySettings
from schemas.settings import SettingsError


def mint(
    settings: GatewaySettings,
    subject: str,
    scopes: Collection[TokenScope],
    ttl: int,
    stops: Sequence[str] = (),
) -> str:
    """A token that holds for `ttl` seconds; without stops for all of them.

    Raises:
        SettingsError: there is no secret to sign with.
    """
    if settings.token_secret is None:
        raise SettingsError(
            "STOPCAST_TOKEN_SECRET is not set: the secret that the gateway knows too "
            "(a new one: openssl rand -base64 48)"
        )
    now = int(time.time())
    claims = {
        "iss": settings.token_issuer,
        "aud": settings.token_audience,
        "sub": subject,
        "scope": " ".join(scopes),
        "iat": now,
        "exp": now + ttl,
        **({"stops": list(stops)} if stops else {}),
    }
    return jwt.encode(claims, settings.token_secret.get_secret_value(), "HS256")
