"""No password of a server's URL is in an error's text, however it is written."""

import re
from collections.abc import Awaitable, Callable

import pytest

from gateway.accounts.providers import Provider
from gateway.database import Database
from gateway.settings import GatewaySettings
from schemas.database import connect, shown
from schemas.errors import StopcastError
from schemas.live import LiveStore
from schemas.server_url import bare

MARKS = ["", "/", "@", "?", "#", ":", "%zz", "[", " ", "&", "=", ",", "\\", "'"]
PASSWORDS = [f"xqz{mark}zqx" for mark in MARKS]
POSTGRES = [
    "postgresql://u:%s@127.0.0.1:1/d",
    "postgresql://u:%s@127.0.0.1:port/d",
    "postgres//u:%s@127.0.0.1:1/d",
    "mysql://u:%s@127.0.0.1/d",
    "postgresql://127.0.0.1:1/d?user=u&password=%s",
]
REDIS = [
    "redis://u:%s@127.0.0.1:1/0",
    "redis://:%s@127.0.0.1:port/0",
    "http://:%s@127.0.0.1",
    "redis+cluster://:%s@127.0.0.1:1,127.0.0.1:2",
    "redis+cluster://:%s@127.0.0.1:port,127.0.0.1:port",
    "redis+cluster://:%s@127.0.0.1:1/7",
]


async def by_command(url: str) -> None:
    async with connect(url):
        pass


async def by_pool(url: str) -> None:
    database = Database(url)
    try:
        await database.fetch("SELECT 1")
    finally:
        await database.close()


async def by_redis(url: str) -> None:
    live = LiveStore.connect(url)
    try:
        await live.server()
    finally:
        await live.close()


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize(
    ("attempt", "template"),
    [
        *((attempt, url) for attempt in (by_command, by_pool) for url in POSTGRES),
        *((by_redis, url) for url in REDIS),
    ],
)
async def test_no_error_tells_a_part_of_it(
    attempt: Callable[[str], Awaitable[None]], template: str, password: str
) -> None:
    with pytest.raises(StopcastError) as raised:
        await attempt(template % password)
    assert not re.search("xqz|zqx", str(raised.value))


def test_what_may_be_shown_is_shown() -> None:
    assert shown("postgresql://u:p@db.example:5432/stops?a=b") == (
        "postgresql://u:***@db.example:5432/stops"
    )
    assert shown("postgresql://[::1]:5432/stops") == "postgresql://[::1]:5432/stops"
    assert "postgresql://user:password@host" in shown("postgresql://u:p/q?r@db.example/stops")


def test_neither_user_nor_query_of_an_endpoint_is_shown() -> None:
    assert bare("https://u:p@feeds.example:8443/a.pb?key=1#2") == "https://feeds.example:8443/a.pb"
    assert bare("folder/a.pb") == "folder/a.pb"


def test_settings_do_not_show_where_keys_are() -> None:
    """A URL may have a password in it, or a query that is one."""
    url = "https://u:hunter2@keys.example/jwks?key=hunter3"
    settings = GatewaySettings.load(token_keys=url, token_issuer="https://id.example")  # noqa: S106  # a name
    provider = Provider(issuer="https://id.example", client_ids=("app",), keys=url)
    assert "hunter" not in f"{settings!r} {settings} {provider!r} {provider}"


def test_settings_show_neither_in_repr_nor_in_what_pydantic_dumps() -> None:
    settings = GatewaySettings.load(
        redis_url="redis://:hunter2@r", database_url="postgresql://u:hunter2@d"
    )
    for text in [repr(settings), str(settings), str(settings.model_dump())]:
        assert "hunter2" not in text
