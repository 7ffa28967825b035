"""`DELETE /v1/account`: nothing stays, and Apple is told."""

import asyncio
import time
from typing import Any

import jwt
import pytest

from gateway.accounts import consents
from gateway.accounts.vault import Vault
from tests.client import PATIENCE
from tests.deployment import Deployment
from tests.gateways import eventually, running
from tests.integration.accounts.conftest import KEY
from tests.issuer import CLIENT_ID

OF_PEOPLE = ("accounts", "refresh_families", "apple_consents", "consent_revocations")


async def left(deployment: Deployment) -> list[str]:
    return [table for table in OF_PEOPLE if await deployment.rows(table)]


async def revoked(deployment: Deployment, expected: list[str]) -> None:
    """Wait until Apple was told, and that is over."""
    await eventually(lambda: deployment.issuer.revoked == expected)
    await waiting(deployment, 0)


async def waiting(deployment: Deployment, count: int) -> None:
    """Wait until so many revocations are waiting; the gateway looks for them itself, too."""
    async with asyncio.timeout(PATIENCE):
        while len(await deployment.rows("consent_revocations")) != count:  # noqa: ASYNC110  # Postgres sets no event
            await asyncio.sleep(0.01)


async def test_erasure_leaves_no_row_and_revokes_apples_consent(deployment: Deployment) -> None:
    phone, tablet = await deployment.sign_in(), await deployment.sign_in()
    assert len(deployment.issuer.granted) == 2
    answer = await deployment.erase(tablet["access_token"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    await revoked(deployment, deployment.issuer.granted[-1:])  # the newest was kept
    assert await left(deployment) == []
    for given in (phone, tablet):
        assert (await deployment.refresh(given["refresh_token"])).status_code == 401


async def test_erasing_again_is_as_good(deployment: Deployment) -> None:
    given = await deployment.sign_in()
    for _ in range(2):
        assert (await deployment.erase(given["access_token"])).status_code == 204
    await revoked(deployment, deployment.issuer.granted)


async def test_others_stay(deployment: Deployment) -> None:
    mine, others = await deployment.sign_in(sub="me"), await deployment.sign_in(sub="other")
    await deployment.erase(mine["access_token"])
    assert (await deployment.refresh(others["refresh_token"])).status_code == 200
    await revoked(deployment, deployment.issuer.granted[:1])


async def test_who_comes_back_is_somebody_new(deployment: Deployment) -> None:
    accounts = []
    for _ in range(2):
        token = (await deployment.sign_in())["access_token"]
        accounts.append(jwt.decode(token, options={"verify_signature": False})["sub"])
        await deployment.erase(token)
    assert accounts[0] != accounts[1]


async def test_apple_is_away_and_told_later(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await deployment.sign_in()
    deployment.issuer.away = True
    assert (await deployment.erase(given["access_token"])).status_code == 204
    await eventually(lambda: deployment.issuer.asked["revoke"])
    assert await left(deployment) == ["consent_revocations"]
    [waiting] = await deployment.rows("consent_revocations")
    assert "account" not in waiting
    deployment.issuer.away = False
    of_all: consents.Consents = deployment.app.state.accounts.consents
    await of_all.revoke_due()
    assert deployment.issuer.revoked == [], "not before it is due again"
    monkeypatch.setattr(consents, "AGAIN", consents.AGAIN * 0)
    of_all.look()
    await revoked(deployment, deployment.issuer.granted)
    assert await left(deployment) == []


async def test_any_gateway_looks_by_itself_for_what_is_due(
    deployment: Deployment, valkey_url: str, settings: dict[str, Any]
) -> None:
    given = await deployment.sign_in()
    deployment.issuer.away = True
    await deployment.erase(given["access_token"])
    await eventually(lambda: deployment.issuer.asked["revoke"])
    deployment.issuer.away = False
    await deployment.postgres.execute("UPDATE consent_revocations SET tried_at = NULL")
    async with running(valkey_url, **settings):
        await revoked(deployment, deployment.issuer.granted)


async def test_what_apple_never_takes_is_given_up(
    deployment: Deployment,
) -> None:
    given = await deployment.sign_in()
    deployment.issuer.away = True
    await deployment.erase(given["access_token"])
    await eventually(lambda: deployment.issuer.asked["revoke"])
    old = "UPDATE consent_revocations SET tried_at = NULL, asked_at = now() - interval '30 days'"
    await deployment.postgres.execute(old)
    await deployment.app.state.accounts.consents.revoke_due()
    await waiting(deployment, 0)
    assert await left(deployment) == []


async def test_what_apple_does_not_know_any_more_is_over(deployment: Deployment) -> None:
    given = await deployment.sign_in()
    deployment.issuer.gone = True
    await deployment.erase(given["access_token"])
    await eventually(lambda: deployment.issuer.asked["revoke"])
    await revoked(deployment, [])
    assert await left(deployment) == []


NEW = "INSERT INTO consent_revocations (client_id, sealed_token) SELECT $1, $2 FROM generate_series(1, $3)"


async def test_many_are_revoked_in_one_look(deployment: Deployment) -> None:
    """More than in the gateway's first look and this one, if each were for one batch."""
    of_all: consents.Consents = deployment.app.state.accounts.consents
    sealed = Vault(KEY).seal(b"r.one", f"Apple's refresh token for {CLIENT_ID}")
    await deployment.postgres.execute(NEW, CLIENT_ID, sealed, 35)
    await of_all.revoke_due()
    await revoked(deployment, ["r.one"] * 35)


async def test_those_that_always_fail_hold_up_nobody(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed with another key, say: they are due again before the last one's turn has come."""
    monkeypatch.setattr(consents, "AGAIN", consents.AGAIN * 0)
    of_all: consents.Consents = deployment.app.state.accounts.consents
    sealed = Vault(KEY).seal(b"r.one", f"Apple's refresh token for {CLIENT_ID}")
    await deployment.postgres.execute(NEW, CLIENT_ID, b"of another key", 25)
    await deployment.postgres.execute(NEW, CLIENT_ID, sealed, 1)
    for _ in range(3):
        await of_all.revoke_due()
    await waiting(deployment, 25)
    assert deployment.issuer.revoked == ["r.one"]


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic abc"])
async def test_without_a_token_nothing_is_erased(
    deployment: Deployment, header: str | None
) -> None:
    await deployment.sign_in()
    headers = {"Authorization": header} if header else {}
    answer = await deployment.client.delete("/v1/account", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await deployment.rows("accounts")


async def test_only_a_token_of_ours_erases(deployment: Deployment) -> None:
    """Somebody else's issuer may give its people any subject."""
    given = await deployment.sign_in()
    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    forged = jwt.encode({**claims, "exp": int(time.time()) + 60}, "s" * 32, "HS256")
    assert (await deployment.erase(forged)).status_code == 401
    assert await deployment.rows("accounts")


async def test_a_token_in_the_query_erases_nothing(deployment: Deployment) -> None:
    given = await deployment.sign_in()
    query = {"access_token": given["access_token"]}
    answer = await deployment.client.delete("/v1/account", params=query)
    assert answer.status_code == 401
    assert await deployment.rows("accounts")
