"""A gateway with accounts, before real servers: Valkey, Postgres, and a stand-in for Apple."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from gateway.accounts.signing_keys import rotate
from gateway.accounts.vault import Vault
from gateway.database import Database
from schemas.database import Connection, connect, migrate
from tests.deployment import Deployment
from tests.gateways import running
from tests.issuer import APPLE_KEY, CLIENT_ID, KEY_ID, TEAM_ID, Issuer, serving
from tests.patience import patient_limits

KEY = bytes(range(32))
PUBLIC_URL = "https://boards.example.org"


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with patient_limits():
        yield


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> str:
    url = make_url(postgres_url).set(database="accounts").render_as_string(hide_password=False)

    async def create() -> None:
        async with connect(postgres_url) as connection:
            await connection.execute("CREATE DATABASE accounts")

    asyncio.run(create())
    return url


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Connection]:
    async with connect(database_url) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await migrate(database_url)
        yield connection


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with serving() as issuer:
        yield issuer


@pytest.fixture
def settings(issuer: Issuer, database_url: str) -> dict[str, Any]:
    """What the environment of the gateway says about accounts."""
    apple = {"issuer": issuer.url, "keys": f"{issuer.url}/auth/keys", "client_ids": [CLIENT_ID]}
    return {
        "database_url": database_url,
        "public_url": PUBLIC_URL,
        "account_key": base64.b64encode(KEY).decode(),
        "providers": json.dumps({"apple": apple}),
        "apple_team_id": TEAM_ID,
        "apple_key_id": KEY_ID,
        "apple_key": APPLE_KEY,
    }


@pytest.fixture
async def deployment(
    valkey_url: str,
    settings: dict[str, Any],
    issuer: Issuer,
    postgres: Connection,
) -> AsyncIterator[Deployment]:
    """It has a key to sign with: `stopcast auth rotate-keys` was run once."""
    database = Database(settings["database_url"])
    await rotate(database, Vault(KEY))
    await database.close()
    async with (
        running(valkey_url, **settings) as gateway,
        gateway.http() as client,
    ):
        yield Deployment(gateway.app, client, issuer, postgres)
