"""One open stream: what is written to its socket now, and what it still lacks.

A stream that takes what it gets costs a `write` per turn of the loop and nothing else. One that does
not is *lagging*: it collects the topics it lacks and catches up with snapshots as its socket
drains, so what is held for it is bounded and always the newest truth. A new stream begins the same
way: it lacks everything that its cursor does not cover.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.types import Send

from gateway.coding import Coding, chunk
from gateway.topic import Topic
from schemas import frames
from schemas.events import GoodbyeReason

if TYPE_CHECKING:  # the Hub makes none and knows all
    from gateway.hub import Hub

# The ASGI `send` of an empty body awaits the drain of the transport and writes nothing.
_NOTHING = {"type": "http.response.body", "body": b"", "more_body": True}
_END = {"type": "http.response.body", "body": b"", "more_body": False}
# A client that does not take the goodbye within this time (seconds) is cut off.
GOODBYE_TIMEOUT = 5.0


class Subscriber:
    """Writes ready-made chunks to one connection's transport."""

    __slots__ = (
        "coding",
        "deadline",
        "ended",
        "expires",
        "feeds",
        "feeds_due",
        "hub",
        "lacks",
        "pending",
        "send",
        "slot",
        "task",
        "topics",
        "transport",
    )

    def __init__(
        self,
        hub: "Hub",
        topics: Sequence[Topic],
        feeds: tuple[str, ...],
        transport: asyncio.Transport,
        send: Send,
        *,
        coding: Coding,
    ) -> None:
        self.hub = hub
        self.topics = topics
        self.feeds = feeds
        self.coding = coding
        self.transport = transport
        self.send = send
        self.pending: list[bytes] = []  # chunks of this turn of the loop
        self.lacks: set[Topic] | None = None  # None: not lagging
        self.feeds_due = False  # a feed changed while lagging
        self.ended = False
        self.slot = 0  # of the heartbeat wheel
        self.deadline = 0.0  # loop time of `goodbye lifetime`; 0: none
        self.expires = 0  # POSIX seconds of `goodbye token_expired`; 0: never
        self.task: asyncio.Task[None] | None = None  # catching up

    def offer(self, topic: Topic, data: bytes) -> bool:
        """Take a chunk of a topic; True: the first of this turn, so `flush` must follow."""
        if self.lacks is not None:
            self.lacks.add(topic)
            return False
        if self.pending:
            self.pending.append(data)
            return False
        if self.transport.get_write_buffer_size() > self.hub.write_buffer:
            self._lag({topic})
            return False
        self.pending.append(data)
        return True

    def flush(self) -> None:
        """Write what this turn brought, in one piece."""
        pending = self.pending
        if self.ended or not pending:
            return
        self.transport.write(pending[0] if len(pending) == 1 else b"".join(pending))
        pending.clear()

    def tell(self, data: bytes) -> None:
        """Write a chunk that is worth nothing later (a heartbeat): a lagging stream skips it.

        It is all that a quiet stream gets, so it is where a frozen client shows.
        """
        if self.lacks is not None or self.ended:
            return
        if self.transport.get_write_buffer_size() > self.hub.write_buffer:
            self._lag(set())
        else:
            self.transport.write(data)

    def tell_feeds(self) -> None:
        """Write a `feed` event for each feed."""
        if self.lacks is not None:
            self.feeds_due = True
        elif not self.ended:
            self.transport.write(self._feeds())

    def _feeds(self, head: bytes = b"") -> bytes:
        data = head + self.hub.feeds.events(self.feeds, self.coding)
        return chunk(data) if data else b""  # an empty chunk would end the response

    def _lag(self, lacks: set[Topic]) -> None:
        self.lacks = lacks
        self.hub.counts.conflations += 1
        self.task = asyncio.create_task(self._catch_up_again())

    async def _catch_up_again(self) -> None:
        try:
            if await self._drained():
                await self.catch_up(b"")
        except Exception as error:  # noqa: BLE001  # logged there
            self.hub.fail(self, error)

    async def begin(self) -> None:
        """Send what every stream begins with, and all that is lacking."""
        coding = self.coding
        await self.catch_up(coding.opening + coding.encode(frames.retry(self.hub.retry_ms())))

    async def catch_up(self, head: bytes) -> None:
        """Send `head` (coded), the feeds' states and all that is lacking, one topic per drained buffer.

        The highest version comes last, and only the last event of all carries an id: an id says
        that the client holds every topic of the stream as of then (docs/protocol.md).
        """
        head = self._feeds(head)  # in one write with the first topic
        self.feeds_due = False
        while self.lacks:
            if not await self._drained():
                return
            if self.feeds_due:
                self.feeds_due = False
                head += self._feeds()
            topic = min(self.lacks, key=_by_version)
            self.lacks.remove(topic)
            self.hub.counts.event_bytes[topic.base.name] += len(topic.base.frame)
            self.hub.counts.event_bytes["patch"] += topic.tail_bytes
            *before, last = topic.events()
            numbered = not self.lacks and not self.hub.doubtful
            self.transport.write(
                head
                + b"".join(event.chunk(self.coding, numbered=False) for event in before)
                + last.chunk(self.coding, numbered=numbered)
            )
            head = b""
        if head:
            self.transport.write(head)
        self.lacks = None
        if self.feeds_due:
            self.tell_feeds()

    async def _drained(self) -> bool:
        """Wait until the transport took what was written; False: the stream is over."""
        try:
            async with asyncio.timeout(self.hub.settings.frozen_limit):
                await self.send(_NOTHING)
        except TimeoutError:
            # A polite close would keep the buffer and the socket for a client that is not there. The
            # kernel may have found out at the same moment: then that is counted by now.
            if not self.transport.is_closing():
                self.hub.counts.frozen += 1
                self.transport.abort()
        return not (self.ended or self.transport.is_closing())

    async def close(self, reason: GoodbyeReason) -> None:
        """Say goodbye and end the response, which wakes the stream's own task."""
        if self.ended or self.transport.is_closing():
            return
        self.flush()
        self.ended = True
        self.hub.counts.goodbyes[reason] += 1
        try:
            self.transport.write(chunk(self.coding.encode(self._farewell(reason))))
            async with asyncio.timeout(GOODBYE_TIMEOUT):
                await self.send(_END)
        except TimeoutError:
            self.transport.abort()
        self.transport.close()  # so that the client's next request may go to another machine

    def _farewell(self, reason: GoodbyeReason) -> bytes:
        return frames.goodbye(reason, self.hub.retry_ms())


def _by_version(topic: Topic) -> int:
    """`gone` first: it has no id to end a batch with."""
    return topic.base.version and topic.version


def jittered(value: float, spread: float) -> float:
    """`value`, more or less by up to `spread` of it."""
    return value * random.uniform(1 - spread, 1 + spread)  # noqa: S311  # jitter
