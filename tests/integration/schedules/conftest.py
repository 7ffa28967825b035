"""A database for these tests alone, in the session's PostgreSQL, emptied before each."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas import database
from schemas.database import Connection


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> str:
    async def create() -> None:
        async with database.connect(postgres_url) as connection:
            await connection.execute("CREATE DATABASE schedules")

    asyncio.run(create())
    return postgres_url.replace("/postgres?", "/schedules?")


@pytest.fixture
async def empty_url(database_url: str) -> str:
    async with database.connect(database_url) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return database_url


@pytest.fixture
async def migrated_url(empty_url: str) -> str:
    await database.migrate(empty_url)
    return empty_url


@pytest.fixture
async def connection(migrated_url: str) -> AsyncIterator[Connection]:
    async with database.connect(migrated_url) as opened:
        yield opened
