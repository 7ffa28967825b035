"""A gateway with accounts: what stands behind it, and what an app does with it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from schemas.database import Connection
from tests.client import PATIENCE
from tests.issuer import Issuer


async def somebody_waits(connection: Connection) -> None:
    """Wait until somebody waits for a lock of this database."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(PATIENCE):
        while not await connection.fetchval(query):  # noqa: ASYNC110  # Postgres sets no event
            await asyncio.sleep(0.01)


@dataclass
class Deployment:
    """One gateway of it, what stands behind, and what an app does."""

    app: Starlette
    client: httpx.AsyncClient
    issuer: Issuer
    postgres: Connection

    async def sign_in(self, **claims: Any) -> dict[str, Any]:
        answer = await self.post("apple", self.issuer.signs_in(**claims).body)
        assert answer.status_code == 200, answer.text
        given: dict[str, Any] = answer.json()
        return given

    async def post(self, step: str, sent: Any) -> httpx.Response:
        return await self.client.post(f"/v1/auth/{step}", json=sent)

    async def refresh(self, token: str) -> httpx.Response:
        return await self.post("refresh", {"refresh_token": token})

    async def erase(self, access_token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return await self.client.delete("/v1/account", headers=headers)

    async def rows(self, table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.postgres.fetch(f"SELECT * FROM {table}")]  # noqa: S608  # ours
