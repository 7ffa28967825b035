"""Accounts as the settings make them: off, without Apple's key, with other providers; and the logs."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.database import Database
from schemas.database import Connection
from tests.deployment import Deployment
from tests.gateways import running
from tests.issuer import Issuer, serving

ROUTES = [
    ("POST", "/v1/auth/apple"),
    ("POST", "/v1/auth/refresh"),
    ("POST", "/v1/auth/revoke"),
    ("DELETE", "/v1/account"),
    ("GET", "/.well-known/jwks.json"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_accounts_are_off_unless_configured(valkey_url: str, method: str, path: str) -> None:
    async with running(valkey_url) as gateway, gateway.http() as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_accounts")


@pytest.fixture
async def other(settings: dict[str, Any]) -> AsyncIterator[Issuer]:
    """Another OpenID Connect issuer, as STOPCAST_PROVIDERS names it."""
    async with serving() as other:
        providers = json.loads(settings["providers"])
        providers["agency"] = {
            "issuer": other.url,
            "keys": f"{other.url}/auth/keys",
            "client_ids": ["a-client", "another-client"],
        }
        settings["providers"] = json.dumps(providers)
        yield other


async def test_another_provider_is_a_matter_of_configuration(
    other: Issuer, deployment: Deployment
) -> None:
    for client_id in ("a-client", ["another-client"]):
        sign_in = other.signs_in(aud=client_id)
        sent = {"identity_token": sign_in.identity_token, "nonce": sign_in.nonce}
        assert (await deployment.post("agency", sent)).status_code == 200
    assert len(await deployment.rows("accounts")) == 1
    assert not await deployment.rows("apple_consents")


async def test_the_same_subject_of_another_issuer_is_another_account(
    other: Issuer, deployment: Deployment
) -> None:
    await deployment.sign_in(sub="one")
    await deployment.post("agency", other.signs_in(sub="one", aud="a-client").body)
    assert len(await deployment.rows("accounts")) == 2


async def test_a_token_of_one_provider_is_none_of_the_other(
    other: Issuer, deployment: Deployment
) -> None:
    for provider, sign_in in (
        ("agency", deployment.issuer.signs_in()),
        ("apple", other.signs_in(aud="a-client")),
    ):
        answer = await deployment.post(provider, sign_in.body)
        assert (answer.status_code, answer.json()["code"]) == (401, "identity_token_invalid")


async def test_a_provider_that_is_not_configured_is_unknown(deployment: Deployment) -> None:
    answer = await deployment.post("google", deployment.issuer.signs_in().body)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_provider")


@pytest.fixture
def without_apples_key(settings: dict[str, Any]) -> None:
    for name in ("apple_team_id", "apple_key_id", "apple_key"):
        del settings[name]


@pytest.mark.usefixtures("without_apples_key")
async def test_without_apples_key_nothing_is_exchanged_and_erasure_is_ours_alone(
    deployment: Deployment,
) -> None:
    given = await deployment.sign_in()
    assert (await deployment.erase(given["access_token"])).status_code == 204
    assert not await deployment.rows("accounts")
    assert set(deployment.issuer.asked) == {"keys"}


async def test_two_gateways_are_one_deployment(
    deployment: Deployment, valkey_url: str, settings: dict[str, Any]
) -> None:
    given = await deployment.sign_in()
    async with (
        running(valkey_url, **settings) as second,
        second.http() as client,
    ):
        sent = {"refresh_token": given["refresh_token"]}
        answers = [
            await client.post("/v1/auth/refresh", json=sent),
            await deployment.refresh(token=given["refresh_token"]),
        ]
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_postgres_away_is_said_and_nothing_is_lost(deployment: Deployment) -> None:
    given = await deployment.sign_in()
    database: Database = deployment.app.state.database
    there = database.url
    for url in ("postgresql://127.0.0.1:1/none", there):
        await database.close()
        database.url, database._pool = url, None
        answer = await deployment.refresh(given["refresh_token"])
        if url == there:
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert "127.0.0.1" not in answer.text


async def test_keys_that_were_never_read_are_ours_to_mend(
    valkey_url: str, settings: dict[str, Any]
) -> None:
    away = settings | {"database_url": "postgresql://127.0.0.1:1/none"}
    async with (
        running(valkey_url, **away) as gateway,
        gateway.http() as client,
    ):
        answer = await client.get("/.well-known/jwks.json")
        assert (answer.status_code, answer.json()["code"]) == (503, "accounts_unavailable")


async def test_no_token_and_no_secret_is_logged(
    deployment: Deployment,
    settings: dict[str, Any],
    postgres: Connection,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All that a process writes while everything is done, well and badly."""
    caplog.set_level("INFO")
    sign_in = deployment.issuer.signs_in(sub="a-subject", email="rider@example.org")
    first = (await deployment.post("apple", sign_in.body)).json()
    await deployment.post("apple", sign_in.body)
    await deployment.post("apple", {**sign_in.body, "nonce": 7})
    second = (await deployment.refresh(first["refresh_token"])).json()
    third = (await deployment.refresh(second["refresh_token"])).json()
    await deployment.refresh(first["refresh_token"])
    deployment.issuer.away = True
    await deployment.post("apple", deployment.issuer.signs_in().body)
    await deployment.erase(third["access_token"])
    await deployment.erase(third["access_token"] + "x")
    await postgres.execute("DROP TABLE refresh_families")
    await deployment.refresh(third["refresh_token"])
    logged = caplog.text + "".join(capfd.readouterr())
    assert "/v1/auth/refresh" in logged, "something was logged"
    assert "refresh_families" in logged, "errors too"
    secrets = [*sign_in, "a-subject", "rider@", settings["account_key"], *deployment.issuer.granted]
    for given in (first, second, third):
        secrets += [given["access_token"], given["refresh_token"], given["refresh_token"][4:]]
        secrets += given["access_token"].split(".")[1:]
    secrets += settings["apple_key"].splitlines()[1:-1]
    assert [secret for secret in secrets if secret in logged] == []
