"""Streams in gzip: the same events as plain ones, in the same order, at any moment."""

import asyncio
import re
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.live import LiveStore
from tests.client import PATIENCE, BoardClient
from tests.gateways import Gateway, running
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
ACCEPTS = {"Accept-Encoding": "gzip"}


def text(client: BoardClient) -> str:
    """The stream's text without what differs between two clients: delays and the board clock."""
    body = client.body
    if client.headers.get("content-encoding") == "gzip":
        body = zlib.decompressobj(wbits=31).decompress(body)
    return re.sub(r'retry: \d+|"now":\d+', "", body.decode())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_headers_say_gzip(gateway: Gateway, demo: Publisher, method: str) -> None:
    await demo.publish(demo.stop("a"))
    url = f"/v1/stops/{demo.stop('a')}/stream"
    async with gateway.http() as http:
        for accepts, coding in (("gzip", "gzip"), ("identity", None), ("gzip;q=0", None)):
            headers = {"Accept-Encoding": accepts}
            async with http.stream(method, url, headers=headers) as answer:
                assert answer.status_code == 200
                assert answer.headers["content-type"].startswith("text/event-stream")
                assert answer.headers.get("content-encoding") == coding
                assert answer.headers["vary"] == "Accept-Encoding"


async def test_a_setting_turns_it_off(run: Run, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    async with run(compress=False) as gateway:
        client = gateway.client()
        await client.connect(demo.stop("a"), headers=ACCEPTS)
        assert "content-encoding" not in client.headers
        await client.agree(demo.boards)


async def test_heartbeats_changes_of_a_feed_and_goodbye_are_gzip_too(
    run: Run, demo: Publisher
) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    async with run(heartbeat=0.1, feed_poll=0.02) as gateway:
        client = gateway.client()
        await client.connect(a, b, headers=ACCEPTS)
        await client.agree(demo.boards)
        await client.read_until(lambda: client.named("heartbeat"))
        await demo.tell(status="stale")
        await client.read_until(lambda: client.feeds["demo"]["status"] == "stale")
        await demo.retire(b)
        await client.read_until(lambda: client.named("gone"))
        gateway.server.stop()
        await client.read_until(lambda: client.ended)
        assert client.events[-1].data == {"reason": "draining"}
        assert client.retry is not None


async def test_every_gzip_client_gets_the_same_bytes(gateway: Gateway, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a, size=20)
    clients = [gateway.client() for _ in range(3)]
    for client in clients:
        await client.connect(a, headers=ACCEPTS)
        await client.agree(demo.boards)
        await demo.publish(a, size=20)  # the next one joins later
    for client in clients:
        await client.agree(demo.boards)
    bodies = [client.body for client in clients]
    await demo.publish(a, size=20)
    for client in clients:
        await client.agree(demo.boards)
    new = {client.body.removeprefix(body) for client, body in zip(clients, bodies, strict=True)}
    assert len(new) == 1


async def test_a_slow_client_is_conflated_in_gzip(run: Run, demo: Publisher) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    async with run(write_buffer=4096, send_buffer=4096) as gateway:
        slow = gateway.client(receive_buffer=4096)
        await slow.connect(a, b, headers=ACCEPTS)
        await slow.agree(demo.boards)
        async with asyncio.timeout(PATIENCE):
            while not gateway.hub.counts.conflations:
                await demo.publish(a, b, size=60)
        await slow.agree(demo.boards)
        assert slow.cursor == str(demo.version)


async def test_a_slow_client_is_served_though_nothing_is_known_of_its_feed(
    run: Run, demo: Publisher
) -> None:
    """Without a `feed` event there is nothing to begin with: an empty chunk would end the response."""
    a = demo.stop("a")
    await demo.publish(a)
    async with run(write_buffer=4096, send_buffer=4096, feed_poll=3600) as gateway:
        slow = gateway.client(receive_buffer=4096)
        await slow.connect(a, headers=ACCEPTS)
        await slow.agree(demo.boards)
        gateway.app.state.feeds.states = {}
        async with asyncio.timeout(PATIENCE):
            while not gateway.hub.counts.conflations:
                await demo.publish(a, size=60)
        await slow.agree(demo.boards)
        assert not slow.ended


some = st.lists(st.sampled_from("abc"), min_size=1, unique=True)
moves = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["publish", "publish a snapshot", "join"]), some),
        st.tuples(st.just("resume"), st.just([])),
    ),
    max_size=10,
)


class Pair:
    """Two clients of the same stops, of which one takes gzip."""

    def __init__(self, gateway: Gateway, stops: list[str]) -> None:
        self.stops = stops
        self.plain, self.packed = gateway.client(), gateway.client()

    async def connect(self) -> None:
        await self.plain.connect(*self.stops)
        await self.packed.connect(*self.stops, headers=ACCEPTS)
        assert self.packed.headers["content-encoding"] == "gzip"

    async def agree(self, demo: Publisher) -> None:
        truth = {stop: demo.boards[stop] for stop in self.stops}
        await self.plain.agree(truth)
        await self.packed.agree(truth)

    async def have_the_same(self) -> None:
        # Boards may agree before the last event has come: a client that resumes holds them already.
        await self.packed.read_until(lambda: len(text(self.packed)) >= len(text(self.plain)))
        await self.plain.read_until(lambda: len(text(self.plain)) >= len(text(self.packed)))
        assert text(self.packed) == text(self.plain)
        assert self.packed.cursor == self.plain.cursor


@given(moves=moves)
@settings(max_examples=40)
async def test_both_forms_say_the_same_to_who_joins_at_any_moment(
    valkey_url: str, moves: list[tuple[str, list[str]]]
) -> None:
    async with AsyncExitStack() as stack:
        live = LiveStore.connect(valkey_url)
        stack.push_async_callback(live.close)
        await live.redis.flushall()
        demo = await Publisher.own(live)
        await demo.publish(*map(demo.stop, "abc"))
        gateway = await stack.enter_async_context(running(valkey_url, heartbeat=3600))
        pairs: list[Pair] = []
        for move, names in [*moves, ("join", ["a", "c"]), ("publish", ["a", "b"])]:
            stops = [demo.stop(name) for name in names]
            if move == "join":
                pairs.append(Pair(gateway, stops))
                await pairs[-1].connect()
            elif move == "resume":
                for pair in pairs:
                    await pair.have_the_same()
                    await pair.connect()
            else:
                await demo.publish(*stops, snapshot=move == "publish a snapshot")
            for pair in pairs:
                await pair.agree(demo)
        for pair in pairs:
            await pair.have_the_same()
