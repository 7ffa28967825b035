"""A rider's phone: follows stops through a list of addresses, and never gives up."""

import asyncio
import random
from collections.abc import Sequence

from tests.client import BoardClient

AWAY = (0.05, 0.5)  # seconds before it comes back
TINY = 256  # bytes that a slow phone takes at once …
PAUSE = 0.02  # … and seconds between


class Rider:
    """Keeps what a client of docs/protocol.md keeps: its boards and a cursor."""

    def __init__(self, name: str, ports: Sequence[int], stops: Sequence[str], seed: int) -> None:
        self.name = name
        self.stops = stops
        # Small, so that a frozen phone is felt at once.
        self.client = BoardClient(0, receive_buffer=4096)
        self.slow = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.busy = asyncio.Lock()  # held by the fault that has it
        self.wrong: list[str] = []  # what it was told of a stop that exists, and must not be
        self.snapshots = self.streams = 0
        self._ports = ports
        self._stream: asyncio.Task[None] | None = None
        self._random = random.Random(seed)  # noqa: S311  # jitter

    async def run(self) -> None:
        """Follow, for ever."""
        try:
            while True:
                self._stream = asyncio.create_task(self._follow())
                await asyncio.wait({self._stream})
                await self.client.cut()
                error = None if self._stream.cancelled() else self._stream.exception()
                if error and not isinstance(error, (OSError, TimeoutError)):
                    raise error
                await asyncio.sleep(self._random.uniform(*AWAY))
        finally:
            self.cut()
            await self.client.cut()

    def cut(self) -> None:
        """Its connection breaks; it comes back by itself."""
        if self._stream is not None:
            self._stream.cancel()

    async def _follow(self) -> None:
        self.client.port = self._random.choice(self._ports)
        status = await self.client.connect(*self.stops)
        if status != 200:
            if status < 500:
                self.wrong.append(f"{self.name}: {status} for {self.stops}")
            return
        self.streams += 1
        seen = 0
        while True:
            await self.awake.wait()
            await self.client.read(TINY if self.slow else 65536)
            for event in self.client.events[seen:]:
                self.snapshots += event.name == "snapshot"
                if event.name == "gone":
                    self.wrong.append(f"{self.name}: told that {event.data} is gone")
            seen = len(self.client.events)
            if self.slow:
                await asyncio.sleep(PAUSE)
