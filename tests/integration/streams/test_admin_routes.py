"""Where `/metrics` is answered, and where not."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Message

from gateway.admin import Admin
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from schemas.local.embedded import free_port
from tests.client import PATIENCE, http_client
from tests.gateways import Gateway

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def test_an_admin_port_has_them_and_the_public_port_has_not(run: Run) -> None:
    admin = free_port()
    async with run(admin_port=admin) as gateway, gateway.http() as http:
        there = await http.get(f"http://127.0.0.1:{admin}/metrics")
        here = await http.get("/metrics")
    assert there.status_code == 200
    assert "stopcast_gateway_streams" in there.text
    assert (here.status_code, here.json()["code"]) == (404, "not_found")


async def test_who_reaches_the_admin_port_needs_no_token(run: Run) -> None:
    admin = free_port()
    async with (
        run(access="token", token_secret="s" * 40) as without,
        run(access="token", token_secret="s" * 40, admin_port=admin),
        http_client(admin) as here,
        without.http() as there,
    ):
        assert (await here.get("/metrics")).status_code == 200
        assert (await here.get("/v1/feeds")).status_code == 401
        assert (await there.get("/metrics")).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  # it must not get that far
def test_the_public_port_is_never_the_admin_port(host: str) -> None:
    """Else whoever reaches the gateway would reach its metrics, without a token."""
    port = str(free_port())
    command = [sys.executable, "-m", "stopcast", "gateway", "--host", host, "--port", port]
    environment = {**os.environ, "STOPCAST_ADMIN_PORT": port}
    ended = subprocess.run(  # noqa: S603  # our own
        command, env=environment, capture_output=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 1
    assert f"STOPCAST_ADMIN_PORT is the public port, {port}" in ended.stderr.decode()


async def ask(address: str, *scopes: str, port: int | None = None, forwarded: str = "") -> int:
    """The status for a connection to this address of ours, in its own kind of scope."""
    app = Starlette()
    app.state.settings = GatewaySettings.load(admin_port=port)
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(forwarded.encode(), b"127.0.0.1")] if forwarded else [],
        "app": app,
        "server": (address, 8000),
        "grant": SimpleNamespace(scopes=frozenset(scopes)),
    }
    sent: list[Message] = []

    async def endpoint(_: object) -> Response:
        return Response("figures")

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await Admin(endpoint)(scope, receive, send)
    except Problem as problem:
        return problem.status
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("10.0.0.7", 403),
        ("fdaa::3", 403),
        ("203.0.113.9", 403),
        ("::ffff:203.0.113.9", 403),
    ],
)
async def test_without_one_only_this_machine_or_the_admin_scope_gets_them(
    address: str, status: int
) -> None:
    assert await ask(address) == status
    assert await ask(address, "boards:read", "feeds:read") == status
    assert await ask(address, "boards:read", "admin") == 200


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via"])
async def test_who_comes_through_a_proxy_on_this_machine_is_not_local(name: str) -> None:
    assert await ask("127.0.0.1", forwarded=name) == 403
    assert await ask("127.0.0.1", "admin", forwarded=name) == 200


async def test_with_one_no_scope_and_no_address_opens_them_elsewhere() -> None:
    assert await ask("127.0.0.1", "admin", port=9091) == 404
    assert await ask("203.0.113.9", port=8000) == 200
