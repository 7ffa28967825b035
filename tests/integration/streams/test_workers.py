"""Several processes on one port: streams spread, one is replaced, all are counted, all drain."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli import ACCEPT_QUEUES
from gateway.workers import _Worker
from schemas.local.embedded import free_port
from tests.client import PATIENCE, BoardClient, http_client
from tests.gateways import eventually
from tests.publisher import Publisher

CLIENTS = 40


class Gateway:
    """`stopcast gateway --workers 2`."""

    def __init__(self, redis_url: str, log: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self.log = log
        self.clients: list[BoardClient] = []
        environment = {
            **os.environ,
            "REDIS_URL": redis_url,
            "STOPCAST_DRAIN_GRACE": "0.2",
            "STOPCAST_DRAIN_WINDOW": "0.2",
            **settings,
        }
        command = [sys.executable, "-m", "stopcast", "gateway", "--port", str(self.port)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603  # our own
                [*command, "--workers", "2"], env=environment, stdout=output, stderr=output
            )

    def workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    async def streams(self) -> Counter[str]:
        """Open streams by worker, as a scrape sees them."""
        async with http_client(self.port) as http:
            try:
                text = (await http.get("/metrics")).text
            except httpx.TransportError:
                return Counter()
        return Counter(
            {
                sample.labels["worker"]: int(sample.value)
                for family in text_string_to_metric_families(text)
                if family.name == "stopcast_gateway_streams"
                for sample in family.samples
            }
        )

    async def name(self) -> str:
        """What a new connection's worker is called, once it tells of all streams.

        It leaves out whoever does not answer it in time (gateway/siblings.py).
        """
        async with http_client(self.port) as http, asyncio.timeout(PATIENCE):
            while (told := (await http.get("/v1/status")).json())["streams"] != CLIENTS:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.02)
        return str(told["gateway"])

    async def count(self, *streams: int) -> Counter[str]:
        """Wait until both workers are there and hold so many streams together, or so many."""
        async with asyncio.timeout(PATIENCE):
            while len(held := await self.streams()) != 2 or held.total() not in streams:
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.02)
        return held


@asynccontextmanager
async def two_workers(redis_url: str, folder: Path, **settings: str) -> AsyncIterator[Gateway]:
    # Not in the test's folder: the path of a Unix socket has to be short.
    temporary = TemporaryDirectory()
    log = folder / "log"
    gateway = Gateway(redis_url, log, {"TMPDIR": temporary.name, **settings})
    workers: set[int] = set()
    try:
        await gateway.count(0)
        workers = gateway.workers()
        # They tell each other before they listen, and until then the other one gets all streams.
        await eventually(lambda: log.read_text().count('"event": "listening"') == len(workers))
        yield gateway
    finally:
        for client in gateway.clients:
            await client.cut()
        gateway.process.kill()
        gateway.process.wait()
        await eventually(lambda: not any(map(psutil.pid_exists, workers)))  # with their parent
        temporary.cleanup()


async def connected(gateway: Gateway, stop: str, boards: object) -> list[BoardClient]:
    gateway.clients += (clients := [BoardClient(gateway.port) for _ in range(CLIENTS)])
    for client in clients:
        await client.connect(stop)
        await client.read_until(lambda client=client: client.boards == boards)  # type: ignore[misc]
    return clients


async def test_streams_spread_and_all_workers_drain(
    demo: Publisher, valkey_url: str, tmp_path: Path
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with two_workers(valkey_url, tmp_path) as gateway:
        clients = await connected(gateway, a, demo.boards)
        held = await gateway.count(CLIENTS)
        assert min(held.values()) > 0  # by chance never in 5e11 runs
        names = {await gateway.name() for _ in range(12)}  # on a connection each, so of both
        assert len(names) == 1
        gateway.process.send_signal(signal.SIGTERM)
        for client in clients:
            await client.read_until(lambda client=client: client.ended)  # type: ignore[misc]
            assert client.events[-1].data == {"reason": "draining"}
        assert await asyncio.to_thread(gateway.process.wait, PATIENCE) == 0


async def test_a_killed_worker_is_replaced(
    demo: Publisher, valkey_url: str, tmp_path: Path
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with two_workers(valkey_url, tmp_path) as gateway:
        clients = await connected(gateway, a, demo.boards)
        before = gateway.workers()
        held = await gateway.count(CLIENTS)
        victim = before.pop()
        os.kill(victim, signal.SIGKILL)
        await eventually(lambda: len(gateway.workers() - {victim}) == 2)
        left = await gateway.count(*held.values())
        await demo.publish(a)
        lost = []
        for client in clients:
            try:
                await client.agree(demo.boards)
            except ConnectionError:
                lost.append(client)
        assert len(lost) == CLIENTS - left.total()
        for client in lost:
            await client.connect(a)
            await client.agree(demo.boards)
        await gateway.count(CLIENTS)
    assert b"worker_ended" in (tmp_path / "log").read_bytes()


async def test_a_worker_that_is_killed_while_draining_is_told(
    demo: Publisher, valkey_url: str, tmp_path: Path
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with two_workers(valkey_url, tmp_path, STOPCAST_DRAIN_GRACE="3600") as gateway:
        await connected(gateway, a, demo.boards)
        gateway.process.send_signal(signal.SIGTERM)
        await eventually(lambda: gateway.log.read_bytes().count(b"draining") == 2)
        os.kill(min(gateway.workers()), signal.SIGKILL)
        gateway.process.send_signal(signal.SIGINT)  # the other one hurries
        assert await asyncio.to_thread(gateway.process.wait, PATIENCE) == 1
    assert b"did not end well" in gateway.log.read_bytes()
    assert b"worker_ended" not in gateway.log.read_bytes()  # none was started again


def test_a_worker_that_goes_on_ending_is_started_later_and_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("gateway.workers.time.monotonic", lambda: now)
    worker = _Worker(0, lambda _: os._exit(3))
    worker.keep()
    delays = []
    for _ in range(8):
        worker.process.join()
        assert worker.process.exitcode == 3
        ended = now
        worker.keep()  # it is seen to have ended
        while worker.process.pid is None:
            now += 0.05
            worker.keep()
        delays.append(now - ended)
    worker.process.join()
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5], abs=0.06)


@pytest.mark.parametrize("workers", ["--workers=1", "--workers=2"])
def test_a_port_in_use_is_said_once(valkey_url: str, workers: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", valkey_url)
        port = free_port()
        with socket.create_server(("127.0.0.1", port), reuse_port=True):
            done = subprocess.run(  # noqa: S603  # our own
                [sys.executable, "-m", "stopcast", "gateway", "--port", str(port), workers],
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
    assert done.returncode == 1
    assert done.stderr.count("in use") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells, and spreads connections")
async def test_every_worker_has_several_accept_queues(valkey_url: str, tmp_path: Path) -> None:
    async with two_workers(valkey_url, tmp_path) as gateway:
        for worker in gateway.workers():
            listening = [
                connection
                for connection in psutil.Process(worker).net_connections()
                if connection.status == psutil.CONN_LISTEN
            ]
            assert len(listening) == ACCEPT_QUEUES
