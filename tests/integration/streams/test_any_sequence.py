"""The guarantee of docs/protocol.md: after any sequence of drops, resumes and redeploys, once quiet,
a client's boards equal the server's.

Hypothesis makes up the sequences, over a real Valkey, a real gateway and real sockets.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from schemas.live import LiveStore
from tests.client import PATIENCE, BoardClient
from tests.gateways import Gateway, running
from tests.publisher import Publisher

T = TypeVar("T")

STOPS = [f"demo:{name}" for name in "abcde"]
some_stops = st.lists(st.sampled_from(STOPS), min_size=1, max_size=len(STOPS), unique=True)
a_client = st.integers(0, 1)
SECOND = 1_000_000


class Follower:
    """A client that knows which stops it follows, across connections."""

    def __init__(self) -> None:
        self.client = BoardClient(0)
        self.stops: list[str] = []
        self.open = False

    async def connect(self, port: int) -> None:
        self.client.port = port
        status = await self.client.connect(*self.stops)
        self.open = status == 200
        if status == 404:  # none of its stops exists any more
            self.client.boards, self.client.cursor = {}, None

    async def cut(self) -> None:
        await self.client.cut()
        self.open = False


class Sequence(RuleBasedStateMachine):
    """A publisher, Redis, a gateway and two clients, to which anything may happen."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.stack = AsyncExitStack()
        self.followers = [Follower(), Follower()]
        self.run(self._begin())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    async def _begin(self) -> None:
        self.live = LiveStore.connect(self.url)
        await self.live.redis.flushall()
        self.demo = await Publisher.own(self.live)
        await self._start_gateway()

    async def _start_gateway(self) -> None:
        # Small bounds, so that tails are swapped and clients lag within few steps.
        bounds = {"tail_patches": 3, "write_buffer": 4096, "send_buffer": 4096}
        self.gateway: Gateway = await self.stack.enter_async_context(running(self.url, **bounds))

    @initialize()
    def first_boards(self) -> None:
        for stop in STOPS:
            self.time_passes()
            self.run(self.demo.publish(stop))

    @rule(stops=some_stops, snapshot=st.booleans(), size=st.sampled_from([1, 3, 40]))
    def publish(self, stops: list[str], snapshot: bool, size: int) -> None:  # noqa: FBT001  # drawn
        self.run(self.demo.publish(*stops, snapshot=snapshot, size=size))

    @rule(stop=st.sampled_from(STOPS))
    def retire(self, stop: str) -> None:
        if stop in self.demo.boards:
            self.run(self.demo.retire(stop))

    @rule()
    def time_passes(self) -> None:
        """More than clocks may differ: a cursor from after it is believed."""
        self.demo.version += 12 * SECOND
        self.run(asyncio.sleep(0.002))

    @rule(number=a_client, stops=some_stops)
    def follow(self, number: int, stops: list[str]) -> None:
        """To change the set of stops, a client connects without a cursor."""
        follower = self.followers[number]
        self.run(follower.cut())
        follower.stops = stops
        follower.client.boards, follower.client.cursor = {}, None
        self.run(follower.connect(self.gateway.port))

    @rule(number=a_client, most=st.integers(1, 3000))
    def read_some(self, number: int, most: int) -> None:
        if self.followers[number].open:
            self.run(self._read(self.followers[number].client, most))

    async def _read(self, client: BoardClient, most: int) -> None:
        try:
            async with asyncio.timeout(0.02):  # nothing may be there to be read
                await client.read(most)
        except TimeoutError:
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
        self.run(follower.connect(self.gateway.port))
        while follower.open and follower.client.received < most:
            before = follower.client.received
            self.run(self._read(follower.client, most - before))
            if follower.client.received == before:
                break
        self.run(follower.cut())

    @rule()
    def redis_cuts_the_listener(self) -> None:
        self.run(self.live.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub"))

    @rule()
    def redeploy(self) -> None:
        async def restart() -> None:
            for follower in self.followers:
                await follower.cut()
            await self.stack.aclose()
            await self._start_gateway()

        self.run(restart())

    @rule()
    def quiet(self) -> None:
        """The invariant."""
        for follower in self.followers:
            if follower.stops:
                self.run(self._agrees(follower))

    async def _agrees(self, follower: Follower) -> None:
        truth = {stop: b for stop, b in self.demo.boards.items() if stop in follower.stops}
        async with asyncio.timeout(PATIENCE):
            while True:
                if not follower.open:
                    await follower.connect(self.gateway.port)
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
            self.run(self._end())
            self.runner.close()

    async def _end(self) -> None:
        for follower in self.followers:
            await follower.cut()
        await self.stack.aclose()
        await self.live.close()


def test_any_sequence_ends_in_the_servers_boards(valkey_url: str) -> None:
    machine = type("Sequence", (Sequence,), {"url": valkey_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),  # real servers are slow to generate with
        ),
    )
