"""What is too large, or no HTTP, is refused before anything is done for it."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
import structlog

from gateway.protocol import MOST_BODY, MOST_HEAD, MOST_URL, MOST_WAITING
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

LONG_URL = b"/" + b"a" * MOST_URL
CASES: dict[str, tuple[bytes, int, str]] = {
    "a long URL": (b"GET %b HTTP/1.1\r\n\r\n" % LONG_URL, 414, "url_too_long"),
    "a long query": (
        b"GET /v1/stops?q=%b HTTP/1.1\r\n\r\n" % (b"a" * MOST_URL),
        414,
        "url_too_long",
    ),
    "a URL without end": (b"GET " + LONG_URL * 40, 414, "url_too_long"),
    "one large header": (
        b"GET / HTTP/1.1\r\nX: %b\r\n\r\n" % (b"a" * MOST_HEAD),
        431,
        "headers_too_large",
    ),
    "many headers": (
        b"GET / HTTP/1.1\r\n%b\r\n" % (b"a:\r\n" * (MOST_HEAD // 4)),
        431,
        "headers_too_large",
    ),
    "a header without end": (
        b"GET / HTTP/1.1\r\nX: " + b"a" * 40 * MOST_HEAD,
        431,
        "headers_too_large",
    ),
    "a large body": (
        b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY + 1),
        413,
        "body_too_large",
    ),
    "the same for a stream": (
        b"GET /v1/stream HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        413,
        "body_too_large",
    ),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    "no URL": (b"GET http://:x HTTP/1.1\r\n\r\n", 400, "malformed_request"),
    "two lengths": (
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
        "malformed_request",
    ),
    "a length and chunks": (
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "malformed_request",
    ),
}


async def exchange(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    finally:
        writer.transport.abort()


def parsed(answer: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert len(body) == int(headers["content-length"])
    return int(first.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize("case", CASES)
async def test_it_is_a_problem_that_closes_the_connection(gateway: Gateway, case: str) -> None:
    data, status, code = CASES[case]
    with structlog.testing.capture_logs() as logs:
        given, headers, problem = parsed(await exchange(gateway.port, data))
    assert (given, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == problem["request_id"]
    assert headers["access-control-allow-origin"] == "*"
    assert headers["x-content-type-options"] == "nosniff"
    [line] = [line for line in logs if line["event"] == "request_refused"]
    assert (line["status"], line["request_id"]) == (status, problem["request_id"])
    assert not [line for line in logs if line["event"] == "request"]  # nothing was done for it
    assert gateway.hub.counts.requests == {status: 1}


@pytest.mark.parametrize("pieces", [1, 7, 1000])
async def test_what_is_just_small_enough_is_served_however_it_comes(
    gateway: Gateway, pieces: int
) -> None:
    url = b"/v1/nowhere?" + b"a" * (MOST_URL - 12)
    fields = b"X: " + b"a" * (MOST_HEAD - 60) + b"\r\nContent-Length: %d\r\n" % MOST_BODY
    data = b"GET %b HTTP/1.1\r\n%b\r\n%b" % (url, fields, b"b" * MOST_BODY)
    reader, writer = await gateway.dial()
    for number in range(pieces):
        writer.write(data[len(data) * number // pieces : len(data) * (number + 1) // pieces])
        await asyncio.sleep(0)
    writer.write(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        answers = await reader.read()
    writer.close()
    assert answers.startswith(b"HTTP/1.1 404")
    assert answers.endswith(b'{"status":"alive"}')


async def test_some_requests_at_once_are_no_large_one(gateway: Gateway) -> None:
    one = b"GET /healthz HTTP/1.1\r\nX: %b\r\n\r\n" % (b"a" * (2 * MOST_HEAD // MOST_WAITING))
    data = one * MOST_WAITING + b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert (await exchange(gateway.port, data)).count(b"HTTP/1.1 200") == MOST_WAITING + 1


async def test_of_thousands_of_requests_at_once_few_are_taken(gateway: Gateway) -> None:
    """Whoever asks for more than is answered would fill the memory: nobody counts /healthz."""
    with suppress(ConnectionError):
        answers = await exchange(gateway.port, b"GET /healthz HTTP/1.1\r\n\r\n" * 5000)
        assert answers.count(b"HTTP/1.1 200") <= MOST_WAITING + 1
    requests = gateway.hub.counts.requests
    await eventually(lambda: requests[429] == 1)
    await eventually(lambda: not gateway.server.server_state.tasks)
    assert requests[200] <= 1  # those that wait are forgotten with their connection
    assert not gateway.server.server_state.connections


async def test_what_waits_behind_a_stream_is_forgotten(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    reader, writer = await gateway.dial()
    one = b"GET /healthz HTTP/1.1\r\n\r\n"
    writer.write(b"GET /v1/stops/%b/stream HTTP/1.1\r\n\r\n" % demo.stop("a").encode() + one * 9)
    await reader.readuntil(b"event: snapshot")
    [subscriber] = gateway.hub.subscribers
    assert not subscriber.transport.get_protocol().pipeline  # type: ignore[attr-defined]
    writer.transport.abort()


async def test_a_body_in_chunks_is_bounded_too(gateway: Gateway) -> None:
    """It is read by nobody here: the answer was on its way before the body became too large."""
    chunk = b"400\r\n%b\r\n" % (b"b" * 1024)
    data = b"POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 9
    with suppress(ConnectionError):
        answer = await exchange(gateway.port, data)
        assert answer[9:12] in (b"405", b"413", b"")
    await eventually(lambda: gateway.hub.counts.requests[413] == 1)
    await eventually(lambda: not gateway.server.server_state.connections)


async def test_a_trailer_is_no_header(gateway: Gateway) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await exchange(
            gateway.port,
            b"GET /healthz HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Request-ID: trailer\r\n\r\n",
        )
    assert answer.startswith(b"HTTP/1.1 200")
    assert "trailer" not in str(logs)


async def test_a_refusal_never_stands_in_for_the_answer_to_an_earlier_request(
    gateway: Gateway,
) -> None:
    with suppress(ConnectionError):
        answer = await exchange(gateway.port, b"GET /healthz HTTP/1.1\r\n\r\n" + b"\0\0\0\0")
        assert answer == b"" or answer.startswith(b"HTTP/1.1 200")
