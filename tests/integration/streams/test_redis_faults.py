"""Redis loses messages, cuts connections, goes away and comes back; streams stay open."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from schemas import frames, keys
from schemas.live import LiveStore
from schemas.local import embedded
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually, running
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def publish_silently(demo: Publisher, stop: str) -> None:
    """A version that reached Redis while its message was lost."""
    made = demo.publication(stop)
    whole = frames.snapshot(demo.boards[stop])
    stored: dict[Any, Any] = {"version": made.version, "base": made.version, "frame": whole}
    await demo.live.redis.hset(keys.board(stop), mapping=stored)


async def test_a_lost_message_is_healed_by_the_next(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    await publish_silently(demo, a)
    await demo.publish(a)
    await client.agree(demo.boards)
    assert client.names() == ["feed", "snapshot", "snapshot", "patch"]
    assert gateway.hub.counts.gaps == 1
    assert not gateway.hub.doubtful
    await demo.publish(a)
    await client.agree(demo.boards)
    assert client.names()[4:] == ["patch"]


async def test_a_lost_message_is_healed_by_the_sweep(run: Run, demo: Publisher) -> None:
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops)
    async with run(sweep=0.2) as gateway:
        client = gateway.client()
        await client.connect(*stops)
        await client.agree(demo.boards)
        await publish_silently(demo, stops[1])
        await client.agree(demo.boards)
        assert client.names() == ["feed", *["snapshot"] * 4]
        assert gateway.hub.counts.healed == 1


async def test_a_lost_goodbye_of_a_stop_is_told_by_the_sweep(run: Run, demo: Publisher) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    async with run(sweep=0.2) as gateway:
        client = gateway.client()
        await client.connect(a, b)
        await client.agree(demo.boards)
        await demo.live.redis.delete(keys.board(a))
        del demo.boards[a]
        await client.read_until(lambda: client.named("gone"))
        assert client.boards == demo.boards


async def test_an_emptied_redis_takes_no_board_away(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(sweep=0.1, feed_poll=0.05) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        await demo.live.redis.flushall()
        await client.settle(0.5)
        assert client.names() == ["feed", "snapshot"]
        await demo.publish(a, snapshot=True)  # as an owner does who finds its board missing
        await client.agree(demo.boards)


async def test_a_rolled_back_board_is_kept_until_its_owner_publishes(
    run: Run, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    [old] = await demo.live.boards([a])
    assert old is not None
    await demo.publish(a)
    async with run(sweep=0.1) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        await demo.live.redis.hset(
            keys.board(a),
            mapping={"version": old.version, "base": old.version, "frame": old.events[0][1]},
        )
        await client.settle(0.4)
        assert client.boards == demo.boards
        await demo.publish(a, snapshot=True)
        await client.agree(demo.boards)
        assert client.names() == ["feed", "snapshot", "snapshot"]


async def test_a_cut_pubsub_connection_heals_what_was_missed(
    gateway: Gateway, demo: Publisher
) -> None:
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops)
    client = gateway.client()
    await client.connect(*stops)
    await client.agree(demo.boards)
    for _ in range(3):
        connects = gateway.hub.counts.listener_connects
        await demo.cut_listeners()
        await demo.publish(*stops[:2])  # nobody listens
        await client.agree(demo.boards)
        await connected_again(gateway, connects)
        await eventually(lambda: not gateway.hub.doubtful)
    await demo.publish(*stops)
    await client.agree(demo.boards)
    assert client.cursor == str(demo.version)


async def test_no_event_carries_an_id_while_a_message_may_be_missing(
    gateway: Gateway, demo: Publisher
) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    client = gateway.client()
    await client.connect(a, b)
    await client.agree(demo.boards)
    cursor = client.cursor
    gateway.hub.doubtful.add(gateway.hub.topics[a])  # as after a reconnect
    await demo.publish(b)
    await client.agree(demo.boards)
    late = gateway.client()
    await late.connect(a, b)
    await late.agree(demo.boards)
    assert (client.cursor, late.cursor) == (cursor, None)
    gateway.hub.fetcher.want([gateway.hub.topics[a]])
    await eventually(lambda: not gateway.hub.doubtful)
    await demo.publish(b)
    await client.agree(demo.boards)
    assert client.cursor == str(demo.version)


async def test_streams_outlive_redis() -> None:
    async with AsyncExitStack() as stack:
        url = stack.enter_context(embedded.valkey())
        live = LiveStore.connect(url)
        stack.push_async_callback(live.close)
        demo = await Publisher.own(live)
        a = demo.stop("a")
        await demo.publish(a)
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        settings: dict[str, Any] = {"heartbeat": 0.1, "feed_poll": 0.05, "owner_timeout": 1}
        async with relayed(port) as relay, running(relay.url, **settings) as gateway:
            client = gateway.client()
            await client.connect(a)
            await client.read_until(lambda: client.boards)
            await relay.stop()
            await client.read_until(lambda: client.feeds["demo"]["status"] == "down")
            beats = len(client.named("heartbeat"))
            await client.read_until(lambda: len(client.named("heartbeat")) > beats + 2)
            await demo.publish(a)
            await relay.start()
            await client.agree(demo.boards)
            await demo.tell(
                beat=time.time() + PATIENCE
            )  # live for as long as that may take to be told
            await client.read_until(lambda: client.feeds["demo"]["status"] == "live")
            await demo.publish(a)
            await client.agree(demo.boards)


async def test_a_listener_that_fails_is_started_again(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    confirmed = gateway.hub.confirmed
    failures = [RuntimeError("a bug"), RuntimeError("again")]

    def failing(stop_id: str) -> None:
        if failures:
            raise failures.pop()
        confirmed(stop_id)

    gateway.hub.confirmed = failing  # type: ignore[method-assign]  # a bug for a while
    gateway.hub.listener.follow(demo.stop("b"))
    await demo.publish(a)
    await eventually(lambda: gateway.hub.counts.restarts >= 2)
    await demo.publish(a)
    await client.agree(demo.boards)


async def connected_again(gateway: Gateway, before: int) -> None:
    await eventually(lambda: gateway.hub.counts.listener_connects > before)


class Relay:
    """A TCP relay before Redis that can be taken away."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await eventually(lambda: not self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, below = await asyncio.open_connection("127.0.0.1", self.target)
        self._open |= {writer, below}
        await asyncio.gather(pump(reader, below), pump(above, writer))
        self._open -= {writer, below}


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


@asynccontextmanager
async def relayed(target: int) -> AsyncIterator[Relay]:
    relay = Relay(target)
    await relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


@pytest.mark.parametrize("told_first", [True, False])
async def test_an_owner_whose_clock_is_behind_is_heard_after_redis_lost_writes(
    gateway: Gateway,
    demo: Publisher,
    told_first: bool,  # noqa: FBT001  # a case
) -> None:
    """Its versions are lower than those that the gateway has."""
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    await client.connect(a)
    await client.read_until(lambda: client.boards)
    await demo.live.redis.flushall()
    behind = await Publisher.own(demo.live)
    behind.version = demo.version - 5_000_000
    if told_first:
        await behind.tell(lineage=behind.version)
        await gateway.hub.feeds.poll()
    await behind.publish(a, snapshot=True)
    if not told_first:
        await behind.tell(lineage=behind.version)
        await gateway.hub.feeds.poll()
    await client.agree(behind.boards)
    await behind.publish(a)
    await client.agree(behind.boards)
    await eventually(lambda: not gateway.hub.doubtful)
