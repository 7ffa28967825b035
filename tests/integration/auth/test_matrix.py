"""Every route, with every kind of token, in both modes."""

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from gateway.accounts import signing_keys
from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.vault import Vault
from gateway.app import create_app
from gateway.auth.rules import RULES, needed_scope
from gateway.database import Database
from gateway.settings import GatewaySettings
from tests.gateways import Gateway, eventually
from tests.key_server import SECRET

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

SCOPES = ("boards:read", "feeds:read", "admin")

# What each route needs, written down a second time: `everyone`, or a scope.
NEEDED = {
    "/v1/stops/{stop_id:stop}/stream": "boards:read",
    "/v1/stream": "boards:read",
    "/v1/stops/{stop_id:stop}/watch": "boards:read",
    "/v1/stops/{stop_id:stop}/board": "boards:read",
    "/v1/stops": "boards:read",
    "/v1/stops/{stop_id:stop}": "boards:read",
    "/v1/feeds": "feeds:read",
    "/v1/feeds/{feed_id}": "feeds:read",
    "/v1/status": "feeds:read",
    "/metrics": "admin",
    "/healthz": "everyone",
    "/readyz": "everyone",
    "/": "everyone",
    "/openapi.json": "everyone",
    "/docs": "everyone",
    "/docs/style.css": "everyone",
    "/status": "everyone",
    "/static/{path:path}": "everyone",
    "/v1/auth/{provider}": "everyone",
    "/v1/auth/refresh": "everyone",
    "/v1/auth/revoke": "everyone",
    "/v1/account": "everyone",  # with a token of ours only: tests/integration/accounts
    "/.well-known/jwks.json": "everyone",
}
METHODS = {
    "/v1/auth/{provider}": "POST",
    "/v1/auth/refresh": "POST",
    "/v1/auth/revoke": "POST",
    "/v1/account": "DELETE",
}
OFF = {*METHODS, "/.well-known/jwks.json"}  # no accounts are configured here
# With accounts: any token will do, since none is looked at; what they need is in the body.
ACCOUNTS = {
    "/v1/auth/{provider}": (401, "identity_token_invalid"),
    "/v1/auth/refresh": (401, "refresh_token_invalid"),
    "/v1/auth/revoke": (204, None),
    "/.well-known/jwks.json": (200, None),
}
KEY = bytes(range(32))
PUBLIC_URL = "https://boards.example.org"
BODIES = {
    "/v1/auth/{provider}": {"identity_token": "a.b.c", "nonce": "n" * 16},
    "/v1/auth/refresh": {"refresh_token": "scr_none"},
    "/v1/auth/revoke": {"refresh_token": "scr_none"},
}
OF_A_STOP = {path for path in NEEDED if "{stop_id" in path or path == "/v1/stream"}
STREAMS = {"/v1/stops/{stop_id:stop}/stream", "/v1/stream", "/v1/stops/{stop_id:stop}/watch"}
VALUES = {"stop_id": "demo:a", "feed_id": "demo", "path": "page.js", "provider": "apple"}
QUERIES = {"/v1/stream": "stop=demo:a"}


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": "stopcast", "aud": "stopcast", "sub": "me", "iat": now, "exp": now + 600}
    return {**good, "scope": " ".join(SCOPES), **changed}


def token(**changed: Any) -> str:
    return jwt.encode(claims(**changed), SECRET, "HS256")


def presented(needed: str) -> dict[str, str | None]:
    """The tokens that are tried on a route, by what is the matter with them."""
    others = " ".join(scope for scope in SCOPES if scope != needed)
    return {
        "none": None,
        "wrong scope": token(scope=others),
        "no scope": token(scope=""),
        "wrong stop": token(stops=["demo:b", "other:*", "other"]),
        "no stop": token(stops=[]),
        "expired": token(exp=int(time.time()) - 60),
        "garbage": "garbage",
        "right": token(scope=needed if needed in SCOPES else ""),
        "right stop": token(scope=needed, stops=["demo:a"]),
        "right feed": token(scope=needed, stops=["demo"]),
    }


def expected(path: str, case: str, *, required: bool) -> tuple[int, str | None]:
    """Status and code."""
    if path in OFF:
        return 404, "no_accounts"
    if NEEDED[path] == "everyone":
        return 200, None
    refusals = {"expired": (401, "token_expired"), "garbage": (401, "token_invalid")}
    if required:
        refusals["none"] = 401, "token_missing"
        refusals["wrong scope"] = refusals["no scope"] = 403, "scope_missing"
        if path in OF_A_STOP:
            refusals["wrong stop"] = refusals["no stop"] = 403, "stop_not_allowed"
    return refusals.get(case, (200, None))


async def ask(
    client: httpx.AsyncClient, path: str, sent: str | None, *, in_query: bool = False
) -> tuple[int, str | None, httpx.Headers]:
    """Status, code of the problem, headers; of a stream no more is read."""
    url = re.sub(r"{(\w+)[^}]*}", lambda found: VALUES[found[1]], path)
    query = QUERIES.get(path, "")
    headers = {}
    if sent is not None and in_query:
        query = f"{query}&access_token={sent}"
    elif sent is not None:
        headers["Authorization"] = f"Bearer {sent}"
    method, body = METHODS.get(path, "GET"), BODIES.get(path)
    async with client.stream(method, f"{url}?{query}", headers=headers, json=body) as answer:
        if answer.headers.get("content-type") != "application/problem+json":
            return answer.status_code, None, answer.headers
        await answer.aread()
        assert sent is None or sent not in answer.text
        return answer.status_code, answer.json()["code"], answer.headers


def test_each_route_of_the_app_is_in_the_matrix() -> None:
    app = create_app(GatewaySettings.load())
    paths = {route.path for route in app.routes}  # type: ignore[attr-defined]
    assert paths == set(NEEDED), "say above what the new route needs"
    assert paths == set(RULES), "a rule without a route"


def test_a_route_without_a_rule_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "/metrics")
    with pytest.raises(LookupError, match="/metrics"):
        create_app(GatewaySettings.load())
    with pytest.raises(LookupError, match="/v1/new"):
        needed_scope("/v1/new")


@pytest.mark.parametrize("mode", ["open", "token"])
@pytest.mark.parametrize("path", NEEDED)
async def test_every_route_with_every_token(run: Run, schedule: str, mode: str, path: str) -> None:
    async with (
        run(access=mode, token_secret=SECRET, database_url=schedule) as gateway,
        gateway.http() as client,
    ):
        await eventually(lambda: gateway.hub.feeds.states)
        for case, sent in presented(NEEDED[path]).items():
            answer = expected(path, case, required=mode == "token")
            status, code, headers = await ask(client, path, sent)
            assert (status, code) == answer, case
            assert ("www-authenticate" in headers) == (status == 401 or code == "scope_missing")
            unheard = sent is not None and path not in STREAMS  # the parameter is for streams only
            answer = expected(path, "none" if unheard else case, required=mode == "token")
            status, code, _ = await ask(client, path, sent, in_query=True)
            assert (status, code) == answer, f"{case}, in the query"


@pytest.fixture
async def accounts(schedule: str) -> dict[str, Any]:
    """Settings of a gateway that has them, with a key to sign with."""
    await signing_keys.rotate(database := Database(schedule), Vault(KEY))
    await database.close()
    provider = {
        "issuer": "https://id.example",
        "keys": "https://id.example/jwks",
        "client_ids": ["app"],
    }
    return {
        "database_url": schedule,
        "public_url": PUBLIC_URL,
        "account_key": b64encode(KEY).decode(),
        "providers": json.dumps({"apple": provider}),
    }


@pytest.mark.parametrize("mode", ["open", "token"])
@pytest.mark.parametrize("path", sorted(OFF))
async def test_the_routes_of_accounts_with_every_token(
    run: Run, accounts: dict[str, Any], mode: str, path: str
) -> None:
    """Not even one of scope `admin` erases: the token says whose account it is, or nothing."""
    async with (
        run(access=mode, token_secret=SECRET, **accounts) as gateway,
        gateway.http() as client,
    ):
        tokens = {**presented("everyone"), "admin": token(scope="admin"), "forged": ours("s" * 32)}
        for case, sent in tokens.items():
            missing = ("token_missing", "token_invalid")[sent is not None]
            answer = ACCOUNTS.get(path, (401, missing))
            status, code, headers = await ask(client, path, sent)
            assert (status, code) == answer, case
            assert ("www-authenticate" in headers) == (status == 401)
            answer = ACCOUNTS.get(path, (401, "token_missing"))
            status, code, _ = await ask(client, path, sent, in_query=True)
            assert (status, code) == answer, f"{case}, in the query"
        if path == "/v1/account":
            key = await gateway.app.state.accounts.keys.signer()
            good = AccessTokens(PUBLIC_URL, "stopcast").issue(uuid4(), key)
            assert (await ask(client, path, good))[0] == 204


def ours(secret: str) -> str:
    """As one of ours, but signed by whoever knows this."""
    return jwt.encode(claims(iss=PUBLIC_URL, sub=str(uuid4())), secret, "HS256")


async def test_of_several_stops_the_one_that_is_closed_is_named(run: Run) -> None:
    async with (
        run(access="token", token_secret=SECRET) as gateway,
        gateway.http() as client,
    ):
        headers = {"Authorization": f"Bearer {token(stops=['demo:a'])}"}
        answer = await client.get("/v1/stream?stop=demo:a&stop=demo:b", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "stop_not_allowed")
        assert "'demo:b'" in answer.json()["detail"]
        assert not gateway.hub.topics  # nothing was followed for it


async def test_a_challenge_says_what_is_wrong(run: Run) -> None:
    """RFC 6750, section 3."""
    async with (
        run(access="token", token_secret=SECRET) as gateway,
        gateway.http() as client,
    ):

        async def challenge(*sent: str, path: str = "/v1/feeds") -> str:
            headers = [("Authorization", value) for value in sent]
            return (await client.get(path, headers=headers)).headers["www-authenticate"]

        assert await challenge() == 'Bearer realm="stopcast", scope="feeds:read"'
        assert await challenge("Basic bWU6cGFzcw==") == await challenge()  # another's
        assert 'error="invalid_token"' in await challenge("bearer x")
        lacking = await challenge(f"Bearer {token(scope='admin')}")
        assert 'error="insufficient_scope", scope="feeds:read"' in lacking
        twice = [f"Bearer {token()}", f"Bearer {token(sub='you')}"]
        assert 'error="invalid_request"' in await challenge(*twice)
        path = f"/v1/stream?stop=demo:a&access_token={token()}"
        assert 'error="invalid_request"' in await challenge(twice[0], path=path)
        assert 'error="invalid_request"' in await challenge(path=f"{path}&access_token=x")


async def test_what_was_asked_for_with_a_token_is_not_kept_for_others(
    run: Run, schedule: str
) -> None:
    async with (
        run(access="token", token_secret=SECRET, database_url=schedule) as gateway,
        gateway.http() as client,
    ):
        for path in ("/v1/stops", "/v1/stops/demo:a", "/v1/stops/demo:a/board", "/v1/feeds"):
            answer = await client.get(path, headers={"Authorization": f"Bearer {token()}"})
            assert "public" not in answer.headers["cache-control"]


async def test_without_an_issuer_tokens_are_not_looked_at(run: Run) -> None:
    async with (
        run() as gateway,
        gateway.http() as client,
    ):
        headers = {"Authorization": "Bearer garbage"}
        assert (await client.get("/v1/feeds", headers=headers)).status_code == 200
