"""Streams in gzip, read by the clients that there are: each event is there when it is sent.

One event is published, and seen, before the next is; then the stream ends without gzip's trailer.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gateway.coding import GZIP
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Program = Callable[[str], str]

HTTPX = """
import sys, httpx
with httpx.stream("GET", sys.argv[1], timeout=60) as answer:
    for line in answer.iter_lines():
        print(line, flush=True)
"""
NODE = """
const answer = await fetch(process.argv[1])
for await (const piece of answer.body) process.stdout.write(piece)
"""
# Served by the gateway itself, since it is for pages of its own origin; the log goes to stderr.
PAGE = """<!doctype html><script>
const source = new EventSource(new URLSearchParams(location.search).get("stream"))
for (const name of ["snapshot", "patch", "goodbye"])
  source.addEventListener(name, event => console.log(name + " " + event.data))
</script>"""
CHROMIUM = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
]


class Running:
    """A client's process, and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(65536):
            self.printed += data.decode(errors="replace")

    async def prints(self, text: str) -> None:
        try:
            await eventually(lambda: text in self.printed, 2 * PATIENCE)
        except TimeoutError:
            pytest.fail(f"{text!r} is not in {self.printed!r}")

    async def end(self) -> int:
        """The exit status, once the client has ended by itself."""
        async with asyncio.timeout(PATIENCE):
            await self._reading
            return await self.process.wait()


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # a browser is many processes
    )
    client = Running(process)
    try:
        yield client
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await client.end()


async def watches_as_it_happens(client: Running, gateway: Gateway, demo: Publisher) -> None:
    """The events of a stop, one after another, each seen before the next is published."""
    stop = demo.stop("a")
    await client.prints(f'"version":{demo.version}')
    [subscriber] = gateway.hub.subscribers
    assert subscriber.coding is GZIP
    for size in (1, 1, 30, 1):
        await demo.publish(stop, size=size)
        await client.prints(f'"version":{demo.version}')
    gateway.server.stop()
    await client.prints("draining")


@pytest.fixture
async def url(gateway: Gateway, demo: Publisher) -> str:
    stop = demo.stop("a")
    await demo.publish(stop, size=30)
    return f"http://127.0.0.1:{gateway.port}/v1/stops/{quote(stop, safe=':')}/stream"


@pytest.mark.parametrize("name", ["curl", "httpx", "node"])
async def test_a_program_reads_each_event_when_it_is_sent(
    name: str, program: Program, url: str, gateway: Gateway, demo: Publisher
) -> None:
    command = {
        "curl": lambda: [program("curl"), "--compressed", "-sSN", url],
        "httpx": lambda: [sys.executable, "-c", HTTPX, url],
        "node": lambda: [program("node"), "--input-type=module", "-e", NODE, url],
    }[name]()
    async with running(*command) as client:
        await watches_as_it_happens(client, gateway, demo)
        assert await client.end() == 0, client.printed


async def test_a_browsers_event_source_reads_each_event_when_it_is_sent(
    program: Program, url: str, gateway: Gateway, demo: Publisher, tmp_path: Path
) -> None:
    def page(_: Request) -> HTMLResponse:
        policy = "script-src 'unsafe-inline'; connect-src 'self'"
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": policy})

    gateway.app.router.routes.insert(0, Route("/test", page))
    command = [
        program("chromium"),
        *CHROMIUM,
        f"--user-data-dir={tmp_path}",
        f"http://127.0.0.1:{gateway.port}/test?stream={quote(url)}",
    ]
    async with running(*command) as client:
        await watches_as_it_happens(client, gateway, demo)
