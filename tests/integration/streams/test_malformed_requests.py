"""20,000 requests that are wrong: each is answered below 500 or not at all; nothing breaks or hangs."""

import asyncio
import re
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from tests.gateways import Gateway, eventually
from tests.malformed import Malformed
from tests.publisher import Publisher

NUMBER = 20_000
AT_ONCE = 40
SEED = 20261121
PATIENCE = 60.0
# Postgres is away here, and the stop is there: these say so.
PASSING = {b"503", b"505", b"501"}


async def answer(port: int, data: bytes) -> bytes:
    """What comes back to one that sends this and then no more; b"" if nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with suppress(ConnectionError):
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                return await reader.read(65536)
        return b""
    finally:
        writer.transport.abort()


def test_the_same_seed_makes_the_same_requests() -> None:
    one, other = Malformed(7), Malformed(7)
    assert [one.request() for _ in range(99)] == [other.request() for _ in range(99)]


async def test_none_breaks_the_gateway(
    gateway: Gateway, demo: Publisher, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level("ERROR")
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.agree(demo.boards)
    malformed, statuses, left = Malformed(SEED), Counter[bytes](), iter(range(NUMBER))

    async def send() -> None:
        for _ in left:
            data = malformed.request()
            told = await answer(gateway.port, data)
            status = told[9:12]
            assert status in PASSING or status < b"500", (data, told)
            assert b"Traceback" not in told
            statuses[status] += 1

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    assert statuses.total() == NUMBER
    assert b"307" not in statuses  # nothing is built of a Host header
    assert {b"200", b"400", b"404", b"405", b"422"} <= set(statuses)
    await demo.publish(a)
    await client.agree(demo.boards)
    await eventually(lambda: len(gateway.server.server_state.connections) == 1)
    await eventually(lambda: len(gateway.hub.subscribers) == 1)
    assert not [line for line in caplog.records if line.levelname in ("ERROR", "CRITICAL")]
    assert not re.search("request_failed|Traceback", capsys.readouterr().out)
    print(f"answers by status, of {NUMBER}: {dict(statuses)}")  # noqa: T201  # for the record
