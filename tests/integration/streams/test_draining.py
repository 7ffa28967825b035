"""A gateway is told to stop: it says so, closes its streams in a window, and ends."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from gateway.server import Server
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


class Steps:
    """A drain that waits where it pauses: a test says when the grace is over, then the window."""

    def __init__(self, server: Server) -> None:
        self.grace, self.window = asyncio.Event(), asyncio.Event()
        self._state = server._state
        self._pause = server._pause
        server._pause = self._wait  # type: ignore[method-assign]  # held up

    async def _wait(self, seconds: float) -> None:
        await (self.window if self._state.closing else self.grace).wait()
        await self._pause(seconds)


async def test_draining_goes_step_by_step(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(drain_grace=0.01, drain_window=0.4) as gateway:
        steps = Steps(gateway.server)
        clients = [gateway.client() for _ in range(20)]
        for client in clients:
            await client.connect(a)
            await client.agree(demo.boards)
        async with gateway.http() as http:
            assert (await http.get("/readyz")).status_code == 200
            gateway.server.stop()
            await eventually(lambda: gateway.app.state.draining)
            # Grace: not ready, but whoever comes is served, and open streams go on.
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/healthz")).status_code == 200
            clients.append(gateway.client())
            await clients[-1].connect(a)
            await demo.publish(a)
            for client in clients:
                await client.agree(demo.boards)
            steps.grace.set()
            await eventually(lambda: gateway.app.state.closing)
            # The window: no new streams.
            late = gateway.client()
            assert await late.connect(a) == 200
            await late.read_until(lambda: late.named("goodbye"))
            assert late.events[0].data == {"reason": "draining"}
            await late.closed()
            refused = await http.get(f"/v1/stops/{a}/stream", headers={"Accept": "*/*"})
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
        steps.window.set()
        for client in clients:
            await client.closed()
            assert client.names()[-1] == "goodbye"
            assert client.events[-1].data == {"reason": "draining"}
            assert client.cursor == str(demo.version)
            await client.closed()
        assert len({client.retry for client in clients}) > 5  # jittered
        await gateway.task
    assert gateway.hub.counts.goodbyes["draining"] == 22


async def test_without_streams_the_window_is_not_waited_for(run: Run) -> None:
    async with run(drain_window=3600) as gateway:
        gateway.server.stop()
        await gateway.task


async def test_streams_that_leave_by_themselves_shorten_the_window(
    run: Run, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(drain_window=3600) as gateway:
        client = gateway.client()
        await client.connect(a)
        gateway.server.stop()
        await eventually(lambda: gateway.app.state.draining)
        await client.cut()
        await gateway.task


async def test_told_again_it_hurries(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(drain_grace=3600, drain_window=3600) as gateway:
        client = gateway.client()
        await client.connect(a)
        gateway.server.stop()
        await asyncio.sleep(0)
        gateway.server.stop()
        await client.read_until(lambda: client.ended)
        assert client.events[-1].data == {"reason": "draining"}
        await gateway.task


async def test_a_client_that_takes_nothing_does_not_hold_up_the_end(
    run: Run, demo: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.subscriber.GOODBYE_TIMEOUT", 0.3)
    a = demo.stop("a")
    await demo.publish(a)
    async with run(write_buffer=8192, send_buffer=8192) as gateway:
        frozen = gateway.client(receive_buffer=4096)
        await frozen.connect(a)
        async with asyncio.timeout(PATIENCE):
            while not gateway.hub.counts.conflations:
                await demo.publish(a, size=50)
        gateway.server.stop()
        await gateway.task
