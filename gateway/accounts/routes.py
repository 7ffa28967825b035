"""`/v1/auth/…`, `/v1/account` and the published keys."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.accounts.access_tokens import SCOPE
from gateway.accounts.accounts import Accounts, Tokens
from gateway.accounts.bodies import HeldToken, SignIn, body
from gateway.accounts.refresh_tokens import LIFETIME
from gateway.accounts.refusals import refusals
from gateway.accounts.signing_keys import ACCESS_LIFETIME
from gateway.auth import bearer
from gateway.auth.errors import KeysUnavailableError, TokenError
from gateway.json_answer import json_answer
from gateway.problems import Problem
from schemas.answers import AccountTokens

_NO_STORE = {"Cache-Control": "no-store"}
# Far shorter than a new key is published before it signs (signing_keys.AHEAD).
_KEYS_CACHE_CONTROL = "public, max-age=300"


def _accounts(request: Request) -> Accounts:
    accounts: Accounts | None = request.app.state.accounts
    if accounts is None:
        raise Problem(404, "no_accounts", "This deployment has no accounts.")
    return accounts


def _given(tokens: Tokens) -> Response:
    answer: AccountTokens = {
        "access_token": tokens.access,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "scope": SCOPE,
        "refresh_token": str(tokens.refresh),
        "refresh_expires_in": int(LIFETIME.total_seconds()),
    }
    return json_answer(answer)


async def sign_in(request: Request) -> Response:
    accounts, provider = _accounts(request), request.path_params["provider"]
    sent = await body(SignIn, request)
    with refusals(request.scope):
        tokens = await accounts.sign_in(
            provider, sent.identity_token, sent.nonce, sent.authorization_code
        )
    return _given(tokens)


async def refresh(request: Request) -> Response:
    accounts = _accounts(request)
    sent = await body(HeldToken, request)
    with refusals(request.scope):
        return _given(await accounts.refresh(sent.refresh_token))


async def revoke(request: Request) -> Response:
    """Of no token too it can be said that it is not valid any more (RFC 7009, section 2.2)."""
    accounts = _accounts(request)
    sent = await body(HeldToken, request)
    await accounts.revoke(sent.refresh_token)
    return Response(status_code=204, headers=_NO_STORE)


async def erase(request: Request) -> Response:
    """Of the account whose token it is; erased before is as good."""
    accounts = _accounts(request)
    await accounts.erase(await _holder(accounts, request))
    return Response(status_code=204, headers=_NO_STORE)


async def _holder(accounts: Accounts, request: Request) -> UUID:
    """Only a token that we gave to an account will do: another issuer's `sub` is none of ours."""
    token = bearer.sent_token(request.scope)
    if token is None:
        raise bearer.no_account_token()
    try:
        return UUID((await accounts.verifier.claims(token))["sub"])
    except TokenError as error:
        raise bearer.bad_token(error) from None
    except KeysUnavailableError as error:
        request.scope["error"] = str(error)
        raise bearer.no_keys() from None


async def keys(request: Request) -> Response:
    accounts = _accounts(request)
    with refusals(request.scope):
        return json_answer(await accounts.keys.published(), _KEYS_CACHE_CONTROL)


ROUTES: list[BaseRoute] = [
    Route("/v1/auth/refresh", refresh, methods=["POST"]),
    Route("/v1/auth/revoke", revoke, methods=["POST"]),
    Route("/v1/auth/{provider}", sign_in, methods=["POST"]),
    Route("/v1/account", erase, methods=["DELETE"]),
    Route("/.well-known/jwks.json", keys),
]
