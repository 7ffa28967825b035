"""Whoever does not finish a request is cut, however it trickles; nobody else is."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress

import pytest

from gateway import intake
from gateway.answer_headers import AnswerHeaders
from gateway.counts import Counts
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
ALIVE = b'{"status":"alive"}'
# What a connection sends at first, and then again and again.
SLOW = {
    "nothing": (b"", b""),
    "a line, and silence": (b"GET /healthz HTTP/1.1\r\n", b""),
    "a URL for ever": (b"GET /", b"a"),
    "a header for ever": (b"GET / HTTP/1.1\r\nX: ", b"x"),
    "headers for ever": (b"GET / HTTP/1.1\r\n", b"a:b\r\n"),
    "empty lines": (b"", b"\r\n"),
    "empty lines after a request": (WHOLE, b"\r\n"),
    "a second request": (WHOLE + b"GET / HTTP/1.1\r\n", b"a:b\r\n"),
    "a body": (b"GET / HTTP/1.1\r\nContent-Length: 4000\r\n\r\n", b"b"),
    "a chunk": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", b"b"),
    "the length of a chunk": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
}


LONGEST = intake.PATIENCE  # of production; tests have another one


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on nobody has long: a test calls it once those are served that are not to be cut."""
    return lambda: monkeypatch.setattr(intake, "PATIENCE", 0.4)


@asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("kind", SLOW)
async def test_a_request_that_is_never_whole_is_cut(
    gateway: Gateway, kind: str, short: Callable[[], None]
) -> None:
    short()
    first, again = SLOW[kind]
    async with connected(gateway.port) as (reader, writer), asyncio.timeout(PATIENCE):
        writer.write(first)
        with suppress(ConnectionError):
            reading = asyncio.create_task(reader.read())
            while not reading.done():
                writer.write(again)
                await asyncio.sleep(0.02)
            await reading
    await eventually(lambda: gateway.hub.counts.unfinished == 1)
    assert not gateway.server._intake._since


async def test_streams_and_kept_connections_owe_nothing(
    gateway: Gateway, demo: Publisher, short: Callable[[], None]
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    async with gateway.http() as http, connected(gateway.port):
        await http.get("/healthz")
        kept = gateway.server.server_state.connections.copy()
        short()
        await eventually(lambda: gateway.hub.counts.unfinished == 1)
        await eventually(lambda: len(gateway.server.server_state.connections & kept) == 2)
        assert client._writer is not None
        client._writer.write(b"what a stream's client sends is no request")
        await demo.publish(a)
        await client.agree(demo.boards)
    assert gateway.hub.counts.unfinished == 1


async def test_the_patience_is_less_than_ten_seconds_and_counted_from_the_first_byte() -> None:
    assert LONGEST <= 9.5  # ticks of uvicorn may come late
    requests = intake.Intake(Counts(), AnswerHeaders(()))
    first, second, third = (FakeConnection() for _ in range(3))
    requests.begin(first, 0)
    requests.begin(second, 1)
    requests.begin(third, 1)
    requests.begin(first, 5)  # a byte more is no new beginning
    requests.end(second)
    requests.begin(second, 6)
    assert requests.overdue(intake.PATIENCE - 0.1) == []
    assert requests.overdue(intake.PATIENCE) == [first]
    assert requests.overdue(intake.PATIENCE + 1) == [first, third]
    assert requests.overdue(intake.PATIENCE + 6) == [first, third, second]


class FakeConnection:
    transport: asyncio.Transport


async def test_many_slow_connections_leave_others_served(
    run: Run, demo: Publisher, short: Callable[[], None]
) -> None:
    """bench/slow_requests.py has the figures."""
    a = demo.stop("a")
    await demo.publish(a)
    async with run() as gateway, gateway.http() as http:
        client = gateway.client()
        await client.connect(a)
        await http.get(f"/v1/stops/{a}/board")
        short()
        with ExitStack() as stack:
            slow = [
                (stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port))), again)
                for _ in range(20)
                for _, again in SLOW.values()
            ]
            for (connection, _), (first, _) in zip(slow, list(SLOW.values()) * 20, strict=True):
                connection.sendall(first)
            while gateway.hub.counts.unfinished < len(slow):
                answer = await http.get(f"/v1/stops/{a}/board")
                assert answer.status_code == 200
                await demo.publish(a)
                await client.agree(demo.boards)
                for connection, again in slow:
                    with suppress(OSError):  # it was cut
                        connection.sendall(again)
        await eventually(lambda: len(gateway.server.server_state.connections) == 2)
