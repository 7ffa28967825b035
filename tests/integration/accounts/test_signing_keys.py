"""Our own keys: published before they sign, accepted until their last token has expired."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

import stopcast
from gateway.accounts import key_ring, signing_keys
from gateway.accounts.key_ring import KeyRing, SigningKeyError
from gateway.accounts.signing_keys import read_signing_keys, rotate
from gateway.accounts.vault import Vault, VaultError
from gateway.auth.errors import KeysUnavailableError, KeyUnknownError
from gateway.database import Database
from schemas.database import Connection
from tests.deployment import Deployment, somebody_waits
from tests.gateways import running
from tests.integration.accounts.conftest import KEY

AWAY = "postgresql://127.0.0.1:1/none"


@pytest.fixture
async def database(postgres: Connection, database_url: str) -> AsyncIterator[Database]:
    del postgres  # migrated
    opened = Database(database_url)
    yield opened
    await opened.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ring(database: Database, clock: Clock) -> AsyncIterator[KeyRing]:
    made = KeyRing(database, Vault(KEY), clock)
    yield made
    await made.close()


async def pass_time(postgres: Connection, minutes: int) -> None:
    query = "UPDATE signing_keys SET active_from = active_from - $1::interval"
    await postgres.execute(query, timedelta(minutes=minutes))


async def test_the_life_of_a_key(
    postgres: Connection, database: Database, clock: Clock, ring: KeyRing
) -> None:
    vault = Vault(KEY)
    first = (await rotate(database, vault)).newest
    assert (await ring.signer()).key_id == first.key_id, "the first signs at once"

    second = (await rotate(database, vault)).newest
    clock.now += key_ring.RELOAD + 1
    assert (await ring.signer()).key_id == first.key_id
    assert (await ring.find(second.key_id)).key_id == second.key_id, "published before it signs"

    await pass_time(postgres, 10)
    clock.now += key_ring.RELOAD + 1
    assert (await ring.signer()).key_id == second.key_id
    assert (await ring.find(first.key_id)).key_id == first.key_id, "its last tokens are still good"

    await pass_time(postgres, 20)
    clock.now += key_ring.RELOAD + 1
    assert (await ring.published())["keys"] == [json.loads(second.public_key)]
    with pytest.raises(KeyUnknownError):
        await ring.find(first.key_id)
    assert (await rotate(database, vault)).removed == (first.key_id,)


async def test_rotating_twice_makes_one_key(database: Database) -> None:
    vault = Vault(KEY)
    await rotate(database, vault)
    rotations = await asyncio.gather(*(rotate(database, vault) for _ in range(4)))
    assert sorted(rotation.made for rotation in rotations) == [False, False, False, True]
    assert len(await read_signing_keys(database)) == 2


async def test_two_rotations_take_turns(postgres: Connection, database: Database) -> None:
    vault = Vault(KEY)
    await rotate(database, vault)
    async with postgres.transaction():
        await postgres.execute("SELECT pg_advisory_xact_lock($1)", signing_keys._LOCK)
        late = asyncio.create_task(rotate(database, vault))
        await somebody_waits(postgres)
        now = await postgres.fetchval("SELECT now()")
        made = signing_keys.new_key(vault, now + signing_keys.AHEAD)
        await postgres.execute(signing_keys._INSERT, *made)
    assert (await late).newest.key_id == made.key_id


async def test_a_key_that_others_know_ends_at_once(
    database: Database, ring: KeyRing, clock: Clock
) -> None:
    vault = Vault(KEY)
    known = (await rotate(database, vault)).newest
    await ring.signer()
    rotation = await rotate(database, vault, at_once=True)
    assert rotation.removed == (known.key_id,)
    clock.now += key_ring.RELOAD + 1
    assert (await ring.signer()).key_id == rotation.newest.key_id
    with pytest.raises(KeyUnknownError):
        await ring.find(known.key_id)


async def test_postgres_away_refuses_no_token_whose_key_is_known(
    database: Database, clock: Clock, ring: KeyRing
) -> None:
    key = (await rotate(database, Vault(KEY))).newest
    await ring.find(key.key_id)
    ring._database = Database(AWAY)
    for _ in range(3):
        clock.now += key_ring.RELOAD + 1
        assert (await ring.find(key.key_id)).key_id == key.key_id
    with pytest.raises(KeyUnknownError):
        await ring.find("another")


async def test_postgres_away_since_the_start_is_no_verdict(clock: Clock) -> None:
    ring = KeyRing(Database(AWAY), Vault(KEY), clock)
    with pytest.raises(KeysUnavailableError):
        await ring.find("any")
    for asked in (ring.signer, ring.published):
        with pytest.raises(SigningKeyError, match="could not be read from Postgres"):
            await asked()


async def test_unknown_keys_are_looked_for_rarely(
    database: Database, clock: Clock, ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = []

    async def counted(asked: Database) -> Any:
        readings.append(clock.now)
        return await read_signing_keys(asked)

    monkeypatch.setattr(key_ring, "read_signing_keys", counted)
    for number in range(200):
        with pytest.raises(KeyUnknownError):
            await ring.find(f"unknown {number}")
    assert len(readings) == 1
    clock.now += key_ring.PAUSE
    made = (await rotate(database, Vault(KEY))).newest
    assert (await ring.find(made.key_id)).key_id == made.key_id
    assert len(readings) == 2


async def test_without_a_key_nothing_is_signed(ring: KeyRing) -> None:
    with pytest.raises(SigningKeyError, match="rotate-keys"):
        await ring.signer()
    assert await ring.published() == {"keys": []}


async def test_private_keys_open_with_the_account_key_only(database: Database) -> None:
    key = (await rotate(database, Vault(KEY))).newest
    with pytest.raises(VaultError, match="STOPCAST_ACCOUNT_KEY"):
        key.private_key(Vault(bytes(32)))


@pytest.mark.parametrize("sealed", ["its own", "that of ours", "nothing"])
async def test_a_key_that_somebody_else_put_into_postgres_is_none(
    database: Database, ring: KeyRing, sealed: str
) -> None:
    ours = (await rotate(database, Vault(KEY))).newest
    now = ours.active_from - timedelta(seconds=1)
    theirs = signing_keys.new_key(Vault(bytes(32)), now)
    private = {"that of ours": ours.sealed_private_key, "nothing": b""}
    theirs = theirs._replace(sealed_private_key=private.get(sealed, theirs.sealed_private_key))
    await database.fetch(signing_keys._INSERT, *theirs)
    with pytest.raises(KeyUnknownError):
        await ring.find(theirs.key_id)
    assert (await ring.published())["keys"] == [json.loads(ours.public_key)]
    assert (await ring.signer()).key_id == ours.key_id


async def test_the_public_key_of_ours_cannot_be_exchanged(
    postgres: Connection, database: Database, ring: KeyRing
) -> None:
    ours = (await rotate(database, Vault(KEY))).newest
    theirs = json.loads(signing_keys.new_key(Vault(KEY), ours.active_from).public_key)
    query = "UPDATE signing_keys SET public_key = $1"
    await postgres.execute(query, json.dumps(theirs | {"kid": ours.key_id}))
    with pytest.raises(KeyUnknownError):
        await ring.find(ours.key_id)


async def test_a_sign_in_before_the_first_key_is_told_to_wait(deployment: Deployment) -> None:
    await deployment.postgres.execute("DELETE FROM signing_keys")
    answer = await deployment.post("apple", deployment.issuer.signs_in().body)
    assert (answer.status_code, answer.json()["code"]) == (503, "accounts_unavailable")
    assert not await deployment.rows("accounts")


@pytest.mark.usefixtures("postgres")
async def test_the_command_tells_what_it_did(
    settings: dict[str, Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("public_url", "account_key", "providers"):
        monkeypatch.setenv(f"STOPCAST_{name.upper()}", settings[name])
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def told(*options: str) -> str:
        command = ["auth", "rotate-keys", *options]
        run = await asyncio.to_thread(CliRunner().invoke, stopcast.cli, command)
        assert run.exit_code == 0, run.output
        return run.output

    assert "signs now" in await told()
    assert "signs from" in await told()
    assert "nothing to do" in await told()
    assert "removed" in await told("--at-once")


async def test_our_tokens_open_what_needs_tokens(
    valkey_url: str, settings: dict[str, Any], deployment: Deployment
) -> None:
    given = await deployment.sign_in()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    async with (
        running(valkey_url, **settings, access="token") as gateway,
        gateway.http() as client,
    ):
        assert (await client.get("/v1/feeds")).status_code == 401
        assert (await client.get("/v1/feeds", headers=headers)).status_code == 200
        assert (await client.get("/metrics", headers=headers)).status_code == 403
