"""Signing in, staying signed in, and leaving no trace (docs/accounts.md)."""

from typing import Any

from gateway.accounts.bodies import HeldToken, SignIn
from gateway.api import examples
from gateway.api.json_schema import ref
from gateway.api.operation import Answer, Operation, parameter
from gateway.api.operations import Operations

TAG = "Accounts"

_BODY_PROBLEMS = ("unsupported_media_type", "malformed_body", "no_accounts")
_TOKENS: dict[int, Answer] = {
    200: Answer(
        description="An access token, and the refresh token that gives the next one.",
        schema=ref("AccountTokens"),
        example=examples.ACCOUNT_TOKENS,
        headers=("Cache-Control",),
    )
}
_DONE = {204: Answer(description="Done.", media_type=None, headers=("Cache-Control",))}
_HELD: tuple[Any, Any] = (
    HeldToken.model_json_schema(),
    {"refresh_token": examples.ACCOUNT_TOKENS["refresh_token"]},
)

OPERATIONS: Operations = {
    "/v1/auth/{provider}": {
        "post": Operation(
            name="signIn",
            tag=TAG,
            summary="Sign in",
            description="With the identity token of Apple, or of another OpenID Connect provider "
            "of this deployment. The account is made where there is none yet.",
            parameters=[
                parameter("path", "provider", "Whose token it is.", {"type": "string"}, "apple")
            ],
            body=(
                SignIn.model_json_schema(),
                {"identity_token": "eyJraWQiOi…", "nonce": "3f6c0d9a1b7e4825a0c1"},
            ),
            answers=_TOKENS,
            problems=(
                *("identity_token_invalid", "identity_token_used", "authorization_code_invalid"),
                *("unknown_provider", "provider_unavailable", "accounts_unavailable"),
                *("database_unavailable", *_BODY_PROBLEMS),
            ),
            example="/v1/auth/apple",
        )
    },
    "/v1/auth/refresh": {
        "post": Operation(
            name="refreshTokens",
            tag=TAG,
            summary="Stay signed in",
            description="Trying again is safe while the answer's refresh token is unused, for two "
            "minutes. A token that is used later than that ends the sign-in.",
            body=_HELD,
            answers=_TOKENS,
            problems=(
                *("refresh_token_invalid", "refresh_token_reused", "accounts_unavailable"),
                *("database_unavailable", *_BODY_PROBLEMS),
            ),
            example="/v1/auth/refresh",
        )
    },
    "/v1/auth/revoke": {
        "post": Operation(
            name="signOut",
            tag=TAG,
            summary="Sign out",
            description="Ends what came of that sign-in (RFC 7009).",
            body=_HELD,
            answers=_DONE,
            problems=("database_unavailable", *_BODY_PROBLEMS),
            example="/v1/auth/revoke",
        )
    },
    "/v1/account": {
        "delete": Operation(
            name="eraseAccount",
            tag=TAG,
            summary="Erase the account",
            description="With its own access token in `Authorization`. Nothing of it is kept; "
            "Apple's consent is revoked.",
            answers=_DONE,
            problems=(
                *("several_tokens", "token_missing", "token_expired", "token_invalid"),
                *("keys_unavailable", "no_accounts", "database_unavailable"),
            ),
            example="/v1/account",
        )
    },
    "/.well-known/jwks.json": {
        "get": Operation(
            name="getKeys",
            tag=TAG,
            summary="The keys of our access tokens",
            description="For services that verify them.",
            answers={
                200: Answer(
                    description="A JWK Set.",
                    schema=ref("KeySet"),
                    example=examples.KEYS,
                    headers=("Cache-Control",),
                )
            },
            problems=("no_accounts", "accounts_unavailable"),
            limited=False,
            example="/.well-known/jwks.json",
        )
    },
}
