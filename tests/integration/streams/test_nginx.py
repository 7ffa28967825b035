"""nginx with the configuration of the repository, in front of two gateways."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from schemas.local.embedded import free_port
from schemas.tasks import end
from tests.client import PATIENCE, BoardClient, http_client
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
CONFIGURATION = Path(__file__).parents[3] / "docs/operations/nginx.conf"
NGINX = "127.0.0.1/32"  # where the gateways see it


@dataclass
class Nginx:
    port: int
    log: Path  # what it writes to stdout and stderr
    clients: list[BoardClient] = field(default_factory=list)

    def client(self) -> BoardClient:
        """A new client; its connection ends with nginx at the latest."""
        self.clients.append(BoardClient(self.port))
        return self.clients[-1]

    def http(self, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """A client whose address is this one of the loopback network's."""
        transport = httpx.AsyncHTTPTransport(local_address=address)
        return http_client(self.port, transport=transport)


Start = Callable[[list[int]], AbstractAsyncContextManager[Nginx]]


@pytest.fixture
def nginx(program: Callable[[str], str], tmp_path: Path) -> Start:
    """`nginx(ports)`: one in front of the gateways on these ports."""
    executable = program("nginx")

    @asynccontextmanager
    async def start(ports: list[int]) -> AsyncIterator[Nginx]:
        port, log = free_port(), tmp_path / "nginx.log"
        front = Nginx(port, log)
        config = tmp_path / "nginx.conf"
        config.write_text(_here(CONFIGURATION.read_text(), tmp_path, port, ports))
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                executable, "-c", str(config), "-g", "daemon off;", stdout=output, stderr=output
            )
        try:
            await eventually(lambda: _listens(port) or process.returncode is not None)
            assert process.returncode is None, log.read_text()
            yield front
        finally:
            for client in front.clients:
                await client.cut()
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()

    return start


def _here(text: str, folder: Path, port: int, gateways: list[int]) -> str:
    """The configuration with the addresses and folders of this test, and no other change."""
    changes = {"listen 8080 ": f"listen 127.0.0.1:{port} ", " /tmp/": f" {folder}/"}
    changes |= {f"gateway-{n}:8000": f"127.0.0.1:{g}" for n, g in enumerate(gateways, 1)}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 404
    except httpx.TransportError:
        return False


@pytest.fixture
async def stop(demo: Publisher) -> str:
    """Its id needs every escape that ids need."""
    stop = demo.stop("Hbf/Gleis 1 }")
    await demo.publish(stop)
    return stop


async def opened(nginx: Nginx, stop: str, **headers: str) -> BoardClient:
    client = nginx.client()
    assert await client.connect(stop, headers=headers) == 200
    await client.read_until(lambda: client.named("snapshot", "goodbye"))
    return client


async def told_to_leave(clients: list[BoardClient], count: int) -> list[BoardClient]:
    """Those that get a goodbye, once so many have."""
    reading = [asyncio.create_task(c.read_until(lambda c=c: c.named("goodbye"))) for c in clients]  # type: ignore[misc]
    await eventually(lambda: sum(task.done() for task in reading) == count)
    await end(reading)
    return [client for client in clients if client.named("goodbye")]


def reason(client: BoardClient) -> str:
    [goodbye] = client.named("goodbye")
    return str(goodbye.data["reason"])


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_each_event_is_there_when_it_is_sent(
    run: Run, nginx: Start, demo: Publisher, stop: str, coding: str
) -> None:
    async with run() as one, run() as other, nginx([one.port, other.port]) as front:
        clients = [await opened(front, stop, **{"Accept-Encoding": coding}) for _ in range(4)]
        assert clients[0].headers.get("content-encoding", "identity") == coding
        for _ in range(5):
            await demo.publish(stop)
            for client in clients:
                await client.agree(demo.boards)
        assert [len(each.hub.subscribers) for each in (one, other)] == [2, 2]
        for client in clients:
            await client.cut()
        await eventually(lambda: not one.hub.subscribers | other.hub.subscribers)


async def test_each_picture_of_a_terminal_is_there_when_it_is_drawn(
    run: Run, nginx: Start, demo: Publisher, stop: str
) -> None:
    async with run(max_streams=1) as one, run() as other, nginx([one.port, other.port]) as front:
        terminals = [front.client() for _ in range(4)]
        for terminal in terminals:  # of four, the first gateway takes one
            path = f"/v1/stops/{quote(stop, safe=':')}/watch"
            assert await terminal.request(path, {"Accept": "*/*"}) == 200
            await terminal.read_until(lambda: terminal.body)  # noqa: B023  # awaited here
        for _ in range(3):
            sizes = [len(terminal.body) for terminal in terminals]
            await demo.publish(stop)
            for terminal, size in zip(terminals, sizes, strict=True):
                await terminal.read_until(lambda: len(terminal.body) > size)  # noqa: B023
        for terminal in terminals:
            await terminal.cut()


async def test_a_drained_gateway_sends_its_streams_to_the_other_where_they_resume(
    run: Run, nginx: Start, demo: Publisher, stop: str
) -> None:
    async with (
        run(drain_window=3600) as drained,
        run() as other,
        nginx([drained.port, other.port]) as front,
    ):
        clients = [await opened(front, stop) for _ in range(4)]
        drained.server.stop()
        await eventually(lambda: drained.app.state.closing)
        late = [await opened(front, stop) for _ in range(4)]
        assert all(client.names()[-1] == "snapshot" for client in late)
        assert drained.hub.counts.opened == 2
        drained.server.stop()  # the rest of its window
        await asyncio.wait([drained.task], timeout=PATIENCE)
        moved = await told_to_leave(clients, 2)
        assert [reason(client) for client in moved] == ["draining", "draining"]
        for client in moved:
            assert await client.connect(stop) == 200
            await other.settle(client)
            assert client.names() == ["feed", "heartbeat"]  # its cursor is current there too
        await demo.publish(stop)
        for client in [*clients, *late]:
            await client.agree(demo.boards)
            await client.cut()
        # The drained one was asked, and then the other. A stream is logged when it has ended.
        await eventually(lambda: "503, 200" in front.log.read_text())


async def test_who_finds_a_gateway_full_or_gone_gets_another(
    run: Run, nginx: Start, demo: Publisher, stop: str
) -> None:
    async with (
        run(max_streams=1) as small,
        run(max_streams=2) as other,
        nginx([small.port, other.port]) as front,
        front.http() as http,
    ):
        clients = [await opened(front, stop) for _ in range(3)]
        assert all(client.boards == demo.boards for client in clients)
        # Now both are full: an EventSource is told so, with 200; others by the status.
        late = await opened(front, stop)
        assert reason(late) == "overloaded"
        assert late.retry
        refused = await http.get(f"/v1/stops/{quote(stop, safe=':')}/stream")
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        for client in [*clients, late]:
            await client.cut()
        await eventually(lambda: not small.hub.subscribers | other.hub.subscribers)
        await small.stop()
        clients = [await opened(front, stop) for _ in range(2)]
        assert all(client.boards == demo.boards for client in clients)
        for client in clients:
            await client.cut()


async def test_without_any_gateway_an_event_source_is_told_to_come_back(
    nginx: Start, stop: str
) -> None:
    async with nginx([free_port(), free_port()]) as front:
        pauses = set()
        for _ in range(20):
            client = front.client()
            assert await client.connect(stop) == 200
            await client.read_until(lambda: client.retry)  # noqa: B023  # awaited here
            pauses.add(client.retry)
            await client.cut()
        assert len(pauses) > 1
        assert pauses <= {2000, 4000, 6000, 8000}
        async with front.http() as http:
            path = f"/v1/stops/{quote(stop, safe=':')}/stream?access_token=a-secret"
            assert (await http.get(path)).status_code == 503
            assert (await http.get("/v1/feeds")).status_code == 502
        await eventually(lambda: "/stream 503" in front.log.read_text())
        assert "a-secret" not in front.log.read_text()


async def test_limits_count_the_addresses_of_clients(run: Run, nginx: Start, stop: str) -> None:
    limits = {"trusted_proxies": NGINX, "requests_per_address": 1}  # the next is free in a minute
    stream = f"/v1/stops/{quote(stop, safe=':')}/stream"
    async with (
        run(**limits) as one,
        run(**limits) as other,
        nginx([one.port, other.port]) as front,
    ):
        for address in ("127.0.0.5", "127.0.0.6"):
            async with front.http(address) as http:
                statuses = [(await http.get("/v1/feeds")).status_code for _ in range(3)]
                assert statuses == [200, 429, 429]
                made_up = {"X-Forwarded-For": "203.0.113.9"}
                assert (await http.get("/v1/feeds", headers=made_up)).status_code == 429
                answer = await http.get(stream, headers={"Accept": "text/event-stream"})
                assert (answer.status_code, "rate_limited" in answer.text) == (200, True)


async def test_metrics_are_for_nobody_outside(run: Run, nginx: Start) -> None:
    async with run() as one, nginx([one.port, free_port()]) as front, front.http() as http:
        for path in ("/metrics", "/metrics?x=1", "/%6detrics", "/v1//../metrics"):
            assert (await http.get(path)).status_code == 404, path
        assert (await http.get("/healthz")).status_code == 200
