"""A gateway with accounts: what stands behind it, and what an app does with it."""

from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from schemas.database import Connection
from tests.issuer import Issuer


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
