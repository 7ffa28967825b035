"""What a stream keeps of its connection, and what it leaves behind."""

import asyncio
import gc
import weakref
from collections import deque
from typing import Any

import pytest

from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher


def _protocol(gateway: Gateway) -> Any:
    [subscriber] = gateway.hub.subscribers
    return subscriber.transport.get_protocol()


async def test_a_stream_keeps_no_parser_no_headers_and_no_deque(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"))
    await gateway.client().connect(demo.stop("a"), headers={"User-Agent": "x" * 1000})
    await eventually(lambda: gateway.hub.subscribers)
    protocol = _protocol(gateway)
    assert protocol.parser is None
    assert protocol.headers == []
    assert not {"headers", "extensions", "path_params"} & {*protocol.scope}
    waiters = [protocol.cycle.message_event._waiters, protocol.flow._is_writable_event._waiters]
    assert not any(isinstance(kept, deque) for kept in [protocol.pipeline, *waiters])


async def test_what_a_client_sends_on_an_open_stream_is_ignored(
    gateway: Gateway, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.agree(demo.boards)
    assert client._writer is not None
    client._writer.write(b"no HTTP at all\r\n\r\n")
    await client._writer.drain()
    await demo.publish(a)
    await client.agree(demo.boards)


async def test_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    reader, writer = await gateway.dial()
    paths = ["/healthz", "/v1/nowhere", "/v1/stops/no-colon/stream"]
    writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
    async with asyncio.timeout(PATIENCE):
        statuses = [await _status(reader) for _ in paths]
    writer.close()
    assert statuses == [200, 404, 422]


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
    return int(head.split()[1])


async def test_streams_that_leave_are_freed_without_the_garbage_collector(
    gateway: Gateway, demo: Publisher
) -> None:
    """It looks rarely (gateway/cli.py), so what it must find would pile up."""
    a = demo.stop("a")
    await demo.publish(a)
    gc.disable()
    try:
        client = gateway.client()
        await client.connect(a)
        await client.agree(demo.boards)
        kept = weakref.ref(_protocol(gateway))
        await client.cut()
        await eventually(lambda: not gateway.hub.subscribers)
        await eventually(lambda: kept() is None)
    finally:
        gc.enable()


async def test_a_stream_that_fails_is_named_logged_and_answered(
    gateway: Gateway, demo: Publisher, capsys: Any
) -> None:
    """As other requests are, though it does not pass through the middleware."""
    await demo.publish(demo.stop("a"))

    async def fail(*_: Any) -> None:
        raise ZeroDivisionError

    app: Any = gateway.app
    for _, log in app._streams:
        log.app = fail
    client = gateway.client()
    assert await client.connect(demo.stop("a"), headers={"X-Request-ID": "mine"}) == 500
    assert client.headers["x-request-id"] == "mine"
    assert "request_failed" in capsys.readouterr().out


async def test_a_client_that_leaves_while_its_boards_are_fetched_is_no_error(
    gateway: Gateway, demo: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    confirmed, late = gateway.hub.confirmed, list[str]()
    gateway.hub.confirmed = late.append  # type: ignore[method-assign,assignment]  # before it, nothing is fetched
    client = gateway.client()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.connect(a), 0.2)
    await client.cut()
    await eventually(lambda: late and not gateway.server.server_state.connections)
    for stop_id in late:
        confirmed(stop_id)
    await eventually(lambda: gateway.hub.counts.requests)
    await asyncio.sleep(0)
    assert "Exception in ASGI application" not in caplog.text
