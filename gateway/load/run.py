"""A run: streams are opened one after the other, held for a while, and their boards compared."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.load.comparison import Comparison
from gateway.load.deployment import Deployment
from gateway.load.follower import Follower
from gateway.load.tally import Tally
from schemas.tasks import end

_TICK = 0.25  # seconds between two looks at the streams
_COMPARED = 200  # stops, at most


@dataclass(frozen=True)
class Plan:
    """What is asked for; `ramp` is streams a second, `duration` seconds after the last began."""

    stops: Sequence[str]
    connections: int
    ramp: float
    duration: float
    stops_per_stream: int = 1

    def stops_of(self, number: int) -> list[str]:
        """The stops of a stream: all are followed equally often."""
        count = min(self.stops_per_stream, len(self.stops))
        return [self.stops[(number * count + index) % len(self.stops)] for index in range(count)]


@dataclass
class Run:
    """One run of a plan; what it came to stands in `tally` and `comparison`."""

    plan: Plan
    deployment: Deployment
    show: Callable[["Run"], None] = lambda _: None  # called now and then, for who watches
    tally: Tally = field(default_factory=Tally)
    comparison: Comparison = field(default_factory=Comparison)
    seconds: float = 0.0  # before the comparison
    left: float = 0.0  # seconds
    stopped: bool = False  # before its time
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """End the run early; called again: without comparing boards."""
        self.stopped = True
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def run(self) -> None:
        """Do it all; returns early if no stream is left to wait for."""
        began = time.monotonic()
        numbers = range(self.plan.connections)
        followers = [
            Follower(self.plan.stops_of(number), self.deployment, self.tally) for number in numbers
        ]
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._hold(followers, tasks)
            self.seconds = time.monotonic() - began
            await self._compare(followers)
        finally:
            await end(tasks)

    async def _hold(self, followers: Sequence[Follower], tasks: list[asyncio.Task[None]]) -> None:
        """Open the streams at their pace, and wait."""
        plan = self.plan
        began = time.monotonic()
        until = began + len(followers) / plan.ramp + plan.duration
        while not self._stop.is_set() and (now := time.monotonic()) < until:
            due = min(len(followers), int((now - began) * plan.ramp) + 1)
            tasks += [asyncio.create_task(f.run()) for f in followers[len(tasks) : due]]
            for follower in followers:
                follower.watch()
            if len(tasks) == len(followers) and all(task.done() for task in tasks):
                break
            self.left = until - now
            self.show(self)
            pause = min(_TICK, 1 / plan.ramp) if due < len(followers) else _TICK
            await self._pause(min(pause, self.left))
        for task in tasks:
            if task.done():
                task.result()  # nothing but our own fault is raised there

    async def _pause(self, seconds: float) -> None:
        due = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            self.tally.own_delay.add(max(0.0, time.monotonic() - due))

    async def _compare(self, followers: Sequence[Follower]) -> None:
        followed = dict.fromkeys(stop_id for f in followers for stop_id in f.stop_ids)
        chosen = list(followed)[:_COMPARED]
        comparing = asyncio.create_task(self.comparison.run(self.deployment, followers, chosen))
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({comparing, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if comparing.done():
            comparing.result()
        else:
            await end([comparing])
