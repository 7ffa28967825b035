"""What rests on uvicorn's internals, and the listening socket."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.answer_headers import AnswerHeaders
from gateway.app import create_app
from gateway.counts import Counts
from gateway.idle import Idle
from gateway.intake import Intake
from gateway.protocol import StreamProtocol
from gateway.server import BindError, Server, listen
from gateway.settings import GatewaySettings
from gateway.stream import TRANSPORT
from schemas.local.embedded import free_port
from tests.client import PATIENCE, BoardClient
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

SMALL = GatewaySettings.load(send_buffer=8192)


@asynccontextmanager
async def served(app: Any, http: Any = None, **config: Any) -> AsyncIterator[BoardClient]:
    """A client of a bare uvicorn that serves `app`."""
    http = http or partial(StreamProtocol, Intake(Counts(), AnswerHeaders(())), Idle(Counts()))
    server = uvicorn.Server(
        uvicorn.Config(app, http=http, log_config=None, timeout_graceful_shutdown=1, **config)
    )
    bound = listen("127.0.0.1", 0, SMALL)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    await eventually(lambda: server.started)
    client = BoardClient(bound.getsockname()[1], receive_buffer=4096)
    try:
        yield client
    finally:
        await client.cut()
        server.should_exit = True
        await task


async def test_uvicorn_still_works_as_the_raw_path_needs() -> None:
    """The contract with the pinned uvicorn, each part of it."""
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["extensions"][TRANSPORT]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        # The response is chunked, and what we write to the transport lies between its chunks.
        transport.write(b"5\r\nhello\r\n")
        # An empty body writes nothing and waits for the drain.
        transport.set_write_buffer_limits(high=8192)
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        data = b"%x\r\n%b\r\n" % (2_000_000, b"x" * 2_000_000)
        transport.write(data)
        waiting = asyncio.ensure_future(
            send({"type": "http.response.body", "body": b"", "more_body": True})
        )
        await asyncio.sleep(0.05)
        seen["waits"] = not waiting.done()
        seen["buffered"] = transport.get_write_buffer_size()
        await waiting
        seen["drained"] = transport.get_write_buffer_size()
        # `receive` sleeps, and the end of the response from elsewhere wakes it.
        assert (await receive())["type"] == "http.request"
        asleep = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        seen["woken by"] = (await asleep)["type"]

    async with served(app, lifespan="off") as client:
        await client.request("/", {})
        await client.read_until(lambda: client.body.startswith(b"hello"))
        await eventually(lambda: "waits" in seen)
        await client.read_until(lambda: client.ended)
        await eventually(lambda: "woken by" in seen)
    assert len(client.body) == 2_000_005
    assert client.headers["transfer-encoding"] == "chunked"
    assert seen["waits"]
    assert seen["buffered"] > 1_000_000
    assert seen["drained"] <= 8192
    assert seen["woken by"] == "http.disconnect"


async def test_a_connection_that_breaks_wakes_receive_and_frees_send() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["extensions"][TRANSPORT]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        transport.write(b"%x\r\n%b\r\n" % (2_000_000, b"x" * 2_000_000))
        await receive()
        sleeping = asyncio.ensure_future(receive())
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        seen.append((await sleeping)["type"])
        seen.append(f"closing: {transport.is_closing()}")

    async with served(app, lifespan="off") as client:
        await client.request("/", {})
        await client.cut()
        await eventually(lambda: len(seen) == 2)
    assert seen == ["http.disconnect", "closing: True"]


def test_the_protocol_overrides_what_exists() -> None:
    for name in ("connection_made", "on_message_begin"):
        assert callable(getattr(HttpToolsProtocol, name))
    # sse-starlette patches uvicorn.Server when it is imported; ours does not notice.
    assert uvicorn.Server.handle_exit is AppStatus.handle_exit
    assert "handle_exit" in vars(Server)


async def test_accepted_sockets_inherit_a_bounded_send_buffer(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"))
    client = gateway.client()
    await client.connect(demo.stop("a"))
    [subscriber] = gateway.hub.subscribers
    accepted = subscriber.transport.get_extra_info("socket")
    size = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert size == 2 * gateway.hub.settings.send_buffer  # Linux doubles it, socket(7)


def test_a_port_in_use_is_a_clear_error() -> None:
    with listen("127.0.0.1", 0, SMALL) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BindError, match=rf"127\.0\.0\.1:{port}: .*in use"):
            listen("127.0.0.1", port, SMALL)
    with pytest.raises(BindError, match=r"no\.such\.host\.invalid:80"):
        listen("no.such.host.invalid", 80, SMALL)


async def test_other_servers_are_told_apart(demo: Publisher, valkey_url: str) -> None:
    """Without the transport in the scope there is a clear answer, not a broken stream."""
    await demo.publish(demo.stop("a"))
    app = create_app(GatewaySettings.load(redis_url=valkey_url))
    async with served(app, http="httptools") as client:
        assert await client.connect(demo.stop("a")) == 501


async def test_the_command_drains_on_sigterm_and_ends_well(
    demo: Publisher, valkey_url: str, tmp_path: Path
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    port = free_port()
    environment = {
        **os.environ,
        "REDIS_URL": valkey_url,
        "STOPCAST_DRAIN_GRACE": "0.2",
        "STOPCAST_DRAIN_WINDOW": "0.2",
    }
    command = [sys.executable, "-m", "stopcast", "gateway", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603, ASYNC220  # our own
    client = BoardClient(port)
    try:
        await eventually(lambda: '"listening"' in (tmp_path / "log").read_text())
        assert await client.connect(a) == 200
        await client.agree(demo.boards)
        process.send_signal(signal.SIGTERM)
        await client.read_until(lambda: client.ended)
        assert client.events[-1].data == {"reason": "draining"}
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    finally:
        await client.cut()
        process.kill()
        process.wait()
