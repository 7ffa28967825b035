"""The guarantee of docs/protocol.md: after any sequence of drops, resumes and redeploys, once quiet,
a client's boards equal the server's. And what it rests on: at any moment a client was brought all that
its cursor says.

Hypothesis makes up the sequences, over a real Valkey, a real gateway and real sockets.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, TypeVar

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.live import LiveStore
from tests.client import PATIENCE, BoardClient
from tests.gateways import Gateway, running
from tests.publisher import Publisher

T = TypeVar("T")

NAMES = "abcde"
some_stops = st.lists(st.sampled_from(NAMES), min_size=1, max_size=len(NAMES), unique=True)
a_client = st.integers(0, 1)
SECOND = 1_000_000
# Small bounds, so that tails are swapped and clients lag within few steps.
BOUNDS = {"tail_patches": 3, "write_buffer": 4096, "send_buffer": 4096}


class World:
    """Valkey, a loop and a gateway, which outlive an example: each has a feed of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.stack = AsyncExitStack()
        self.feeds = (f"demo{number}" for number in count())
        self.live = LiveStore.connect(url)
        self.run(self.begin())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    async def begin(self) -> None:
        await self.live.redis.flushall()
        await self.start()

    async def start(self) -> None:
        self.gateway: Gateway = await self.stack.enter_async_context(running(self.url, **BOUNDS))

    def end(self) -> None:
        self.run(self.stack.aclose())
        self.run(self.live.close())
        self.runner.close()


class Follower:
    """A client that knows which stops it follows, across connections."""

    def __init__(self) -> None:
        self.client = BoardClient(0)
        self.stops: list[str] = []
        self.open = False
        self.brought: dict[str, int] = {}  # the newest version of each stop

    async def connect(self, port: int) -> None:
        self.client.port = port
        status = await self.client.connect(*self.stops)
        self.open = status == 200
        if status == 404:  # none of its stops exists any more
            self.client.boards, self.client.cursor = {}, None

    async def cut(self) -> None:
        await self.client.cut()
        self.open = False
        self.note()

    def note(self) -> None:
        for event in self.client.named("snapshot", "patch"):
            stop, version = event.data["stop_id"], event.data["version"]
            self.brought[stop] = max(version, self.brought.get(stop, 0))


class Sequence(RuleBasedStateMachine):
    """A publisher, Redis, a gateway and two clients, to which anything may happen."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.run = self.world.run
        self.followers = [Follower(), Follower()]
        self.redeployed = False
        self.demo = self.run(Publisher.own(self.world.live, next(self.world.feeds)))
        self.published: defaultdict[str, list[int]] = defaultdict(list)  # versions by stop

    @initialize()
    def first_boards(self) -> None:
        for name in NAMES:
            self.time_passes()
            self._publish(self.demo.stop(name))

    @rule(names=some_stops, snapshot=st.booleans(), size=st.sampled_from([1, 3, 40]))
    def publish(self, names: list[str], snapshot: bool, size: int) -> None:  # noqa: FBT001  # drawn
        self._publish(*map(self.demo.stop, names), snapshot=snapshot, size=size)

    def _publish(self, *stops: str, snapshot: bool = False, size: int = 3) -> None:
        self.run(self.demo.publish(*stops, snapshot=snapshot, size=size))
        for stop in stops:
            self.published[stop].append(self.demo.boards[stop]["version"])

    @rule(name=st.sampled_from(NAMES))
    def retire(self, name: str) -> None:
        stop = self.demo.stop(name)
        if stop in self.demo.boards:
            self.run(self.demo.retire(stop))
            del self.published[stop]  # whether a client knows it yet, no cursor says

    @rule()
    def time_passes(self) -> None:
        """More than clocks may differ: a cursor from after it is believed."""
        self.demo.version += 12 * SECOND
        self.run(asyncio.sleep(0.002))

    @rule(number=a_client, names=some_stops)
    def follow(self, number: int, names: list[str]) -> None:
        """To change the set of stops, a client connects without a cursor."""
        follower = self.followers[number]
        self.run(follower.cut())
        follower.stops = [self.demo.stop(name) for name in names]
        follower.client.boards, follower.client.cursor = {}, None
        follower.brought = {}
        self.run(follower.connect(self.world.gateway.port))

    @rule(number=a_client, most=st.integers(1, 3000))
    def read_some(self, number: int, most: int) -> None:
        if self.followers[number].open:
            self.run(self._read(self.followers[number].client, most))

    async def _read(self, client: BoardClient, most: int) -> None:
        try:
            async with asyncio.timeout(0.02):  # nothing may be there to be read
                await client.read(most)
        except (TimeoutError, ConnectionError):  # the latter after a goodbye: `quiet` comes again
            pass

    @rule(number=a_client)
    def cut(self, number: int) -> None:
        self.run(self.followers[number].cut())

    @rule(number=a_client, most=st.integers(0, 6000))
    def resume_and_be_cut(self, number: int, most: int) -> None:
        follower = self.followers[number]
        if not follower.stops:
            return
        self.run(follower.cut())
        self.run(follower.connect(self.world.gateway.port))
        while follower.open and follower.client.received < most:
            before = follower.client.received
            self.run(self._read(follower.client, most - before))
            if follower.client.received == before:
                break
        self.run(follower.cut())

    @rule(number=a_client, names=st.none() | some_stops, snapshots=st.integers(1, len(NAMES) - 1))
    def cut_inside_a_batch(self, number: int, names: list[str] | None, snapshots: int) -> None:
        """Between the snapshots that a connect brings; of other stops if there are names."""
        follower = self.followers[number]
        if names:
            self.follow(number, names)
        elif follower.stops:
            self.run(follower.cut())
            self.run(follower.connect(self.world.gateway.port))
        client = follower.client
        while follower.open and len(client.named("snapshot")) < snapshots:
            before = client.received
            self.run(self._read(client, 64))  # less than a snapshot: it stops right behind one
            if client.received == before:
                break
        self.run(follower.cut())

    @rule()
    def redis_cuts_the_listener(self) -> None:
        self.run(self.demo.cut_listeners())

    @precondition(lambda self: not self.redeployed)  # it is slow
    @rule()
    def redeploy(self) -> None:
        self.redeployed = True

        async def restart() -> None:
            for follower in self.followers:
                await follower.cut()
            await self.world.stack.aclose()
            await self.world.start()

        self.run(restart())

    @invariant()
    def cursors_are_true(self) -> None:
        """Each client was brought all its stops as of its cursor.

        Not holds: a resume may begin again with a snapshot from before, and be cut before the
        patches behind it. With the same cursor they come again.
        """
        for follower in self.followers:
            follower.note()
            cursor = int(follower.client.cursor or 0)
            for stop in follower.stops:
                said = [version for version in self.published[stop] if version <= cursor]
                brought = follower.brought.get(stop, 0)
                assert brought >= max(said, default=0), f"{stop}: {brought}, but {cursor=}"

    @rule()
    def quiet(self) -> None:
        """The guarantee."""
        for follower in self.followers:
            if follower.stops:
                self.run(self._agrees(follower))

    async def _agrees(self, follower: Follower) -> None:
        truth = {stop: b for stop, b in self.demo.boards.items() if stop in follower.stops}
        async with asyncio.timeout(PATIENCE):
            while True:
                if not follower.open:
                    await follower.connect(self.world.gateway.port)
                if not follower.open:
                    assert not truth
                    return
                try:
                    await follower.client.read_until(lambda: follower.client.boards == truth)
                except ConnectionError:  # a goodbye: not served right now
                    await follower.cut()
                else:
                    return

    def teardown(self) -> None:
        try:
            self.quiet()
        finally:
            for follower in self.followers:
                self.run(follower.cut())


def test_any_sequence_ends_in_the_servers_boards(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.supervision.FIRST_DELAY", 0.01)
    monkeypatch.setattr("gateway.supervision.LONGEST_DELAY", 0.02)
    world = World(valkey_url)
    try:
        run_state_machine_as_test(
            type("Sequence", (Sequence,), {"world": world}),
            settings=settings(
                max_examples=80,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),  # real servers are slow to generate with
            ),
        )
    finally:
        world.end()
