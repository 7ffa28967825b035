"""Whoever keeps connections without use leaves room for others, and streams stay."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
import structlog

from gateway import idle
from schemas.local.embedded import free_port
from tests.client import PATIENCE, BoardClient, http_client
from tests.cluster import until
from tests.gateways import Connection, Gateway, eventually
from tests.publisher import Publisher

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


async def kept(gateway: Gateway) -> Connection:
    """A connection that was answered once."""
    connection = await gateway.dial()
    assert await answered(connection)
    return connection


async def answered(connection: Connection) -> bool:
    """Ask once; False: it is closed."""
    reader, writer = connection
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        writer.write(ALIVE)
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b'{"status":"alive"}')
        return True
    return False


async def streams(gateway: Gateway, stop: str, count: int) -> list[BoardClient]:
    clients = [gateway.client() for _ in range(count)]
    for client in clients:
        await client.connect(stop)
    return clients


async def test_the_longest_idle_leaves_for_the_new(gateway: Gateway, demo: Publisher) -> None:
    stop = demo.stop("a")
    await demo.publish(stop)
    gateway.server._idle.places = 4
    [stream] = await streams(gateway, stop, 1)
    first, second = await kept(gateway), await kept(gateway)
    silent = await gateway.dial()
    await eventually(lambda: len(gateway.server.server_state.connections) == 4)
    assert await answered(first)  # so `second` has been idle for longest, and then `silent`
    with structlog.testing.capture_logs() as logs:
        third = await kept(gateway)
        fourth = await kept(gateway)
    assert await second[0].read() == b""
    assert await silent[0].read() == b""
    assert [await answered(each) for each in (first, third, fourth)] == [True] * 3
    assert gateway.hub.counts.crowded_out == 2
    full = [line for line in logs if line["event"] == "connections_full"]
    assert [(line["log_level"], line["places"]) for line in full] == [("warning", 4)]  # once
    await demo.publish(stop)
    await stream.agree(demo.boards)


async def test_where_nobody_is_idle_the_new_one_leaves(gateway: Gateway, demo: Publisher) -> None:
    stop = demo.stop("a")
    await demo.publish(stop)
    gateway.server._idle.places = 3
    clients = await streams(gateway, stop, 2)
    began = await gateway.dial()
    began[1].write(ALIVE + ALIVE[:9])
    await began[0].readuntil(b'{"status":"alive"}')
    new = await gateway.dial()
    assert not await answered(new)
    began[1].write(ALIVE[9:])
    assert (await began[0].readline()).startswith(b"HTTP/1.1 200")
    await demo.publish(stop)
    for client in clients:
        await client.agree(demo.boards)
    await clients[0].cut()
    await eventually(lambda: len(gateway.server.server_state.connections) == 2)
    await kept(gateway)


async def test_a_body_that_comes_after_its_answer_keeps_nobody(gateway: Gateway) -> None:
    reader, writer = await gateway.dial()
    writer.write(b"POST /healthz HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"{}")
    await eventually(lambda: not gateway.server._intake._since)
    assert len(gateway.server._idle._connections) == 1
    writer.transport.abort()
    await eventually(lambda: not gateway.server._idle._connections)


@pytest.mark.parametrize(
    ("limit", "places"),
    [(150, 113), (1024, 768), (65_536, 65_280), (resource.RLIM_INFINITY, sys.maxsize)],
)
def test_places_are_fewer_than_open_files(
    limit: int, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert idle.places() == places


async def test_more_connections_than_files_shut_nobody_out(valkey_url: str, tmp_path: Path) -> None:
    port = free_port()
    gateway = [sys.executable, "-m", "stopcast", "gateway", "--port", str(port)]
    command = ["sh", "-c", 'ulimit -n 150 && exec "$@"', "sh", *gateway]
    env = {**os.environ, "REDIS_URL": valkey_url}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)  # noqa: S603, ASYNC220  # our own
    try:
        await until(lambda: alive(port))
        with ExitStack() as stack:
            for _ in range(170):
                connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                stack.enter_context(connection).sendall(ALIVE)
                await asyncio.to_thread(connection.recv, 4096)
            for _ in range(10):
                assert await alive(port)
            async with http_client(port) as client:
                metrics = (await client.get("/metrics")).text
    finally:
        process.kill()
        process.wait()
    [line] = [line for line in metrics.splitlines() if "crowded_out_total " in line][-1:]
    assert float(line.split()[1]) >= 170 - 113
    assert (tmp_path / "log").read_text().count("connections_full") == 1


async def alive(port: int) -> bool:
    async with http_client(port) as client:
        with suppress(httpx.TransportError):
            return (await client.get("/healthz")).is_success
        return False
