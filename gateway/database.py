"""Postgres as the gateway needs it: asked now and then, and never required."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from schemas.database import UNREACHABLE, errors

# A phone waits for a search; a gateway holds few connections, since there are many gateways.
TIMEOUT = 5.0
MAX_CONNECTIONS = 4

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class Database:
    """A pool that connects when it is first asked: streams and boards go on without Postgres."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def fetch(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """The rows of one query.

        Raises:
            DatabaseError: names the server (never the password) and the reason.
        """
        async with self._connection() as connection:
            rows = await connection.fetch(query, *arguments)
        return [dict(row) for row in rows]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed at the end of the block, undone by an exception.

        Raises:
            DatabaseError: as `fetch`, also for whatever Postgres refuses within the block.
        """
        async with self._connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with errors(self.url, *UNREACHABLE):  # a pool connects at any time
            pool = await self._open()
            async with pool.acquire(timeout=TIMEOUT) as connection:
                yield connection

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            # Without a minimum this makes no connection, so it neither fails nor waits.
            self._pool = asyncpg.create_pool(
                self.url,
                min_size=0,
                max_size=MAX_CONNECTIONS,
                timeout=TIMEOUT,
                command_timeout=TIMEOUT,
                # A plan is made once for each query: to plan for all partitions again takes longer
                # than to ask, and estimates of a search's words lead to reading everything.
                server_settings={"jit": "off", "plan_cache_mode": "force_generic_plan"},
            )
            await self._pool
        return self._pool

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
