"""Who publishes: numbered events, stamped with the time, as load.c checks them.

The numbers of a topic begin with 1. An event is 200 bytes on the wire, for every server.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from schemas.feed_state import FeedState
from schemas.live import Lease, LiveStore
from schemas.stored_board import Publication

FEED = "bench"
# With `id`, `event` and line ends about 200 bytes.
DATA = 158
# Between two words that the feed is well; its followers hear of none of them.
TELL = 5.0
POSTERS = 16


class Publisher(Protocol):
    numbers: dict[int, int]  # of each topic, the last that was published

    async def publish(self, topics: Sequence[int], size: int = DATA) -> None:
        """An event of `size` bytes of data for each topic; returns once the server took them."""


def data(topic: int, number: int, size: int) -> bytes:
    head = b'{"stop_id":"%s:%d","t":%d,"q":%d,"n":%d,"pad":"' % (
        FEED.encode(), topic, topic, number, time.monotonic_ns(),
    )  # fmt: skip
    return head.ljust(size - 2, b".") + b'"}'


class BoardPublisher:
    """An ingester's way: LiveStore, which stores a snapshot and publishes a patch."""

    def __init__(self, live: LiveStore, lease: Lease, snapshot: int) -> None:
        self.live = live
        self.lease = lease
        self.snapshot = snapshot
        self.numbers: dict[int, int] = {}
        self.versions: dict[int, int] = {}

    @classmethod
    async def own(cls, redis_url: str, snapshot: int = DATA) -> "BoardPublisher":
        live = LiveStore.connect(redis_url)
        lease = await live.acquire(FEED, "bench", 3600)
        assert lease is not None
        return cls(live, lease, snapshot)

    async def publish(self, topics: Sequence[int], size: int = DATA) -> None:
        refused = await self.live.publish(
            self.lease, [self._publication(topic, size) for topic in topics]
        )
        assert not refused, refused

    def _publication(self, topic: int, size: int) -> Publication:
        number = self.numbers[topic] = self.numbers.get(topic, 0) + 1
        prev = self.versions.get(topic)
        version = self.versions[topic] = max(time.time_ns() // 1000, (prev or 0) + 1)
        snapshot = b"event: snapshot\ndata: %b\n\n" % data(topic, number, self.snapshot)
        patch = b"event: patch\ndata: %b\n\n" % data(topic, number, size)
        return Publication(
            f"{FEED}:{topic}", prev, version, snapshot, snapshot if prev is None else patch
        )

    async def tell(self) -> None:
        """Be a feed that is live, for ever."""
        while True:
            now = time.time()
            await self.live.tell(
                self.lease,
                FeedState(
                    FEED, "live", int(now), now, now, 1.0, "bench", 0, complete=True, report={}
                ),
            )
            await asyncio.sleep(TELL)


class Poster(asyncio.Protocol):
    """A kept connection with one POST at a time: nchan takes no second one before its answer."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as it is
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.answer is not None and not self.answer.done():
            if data.startswith(b"HTTP/1.1 2"):
                self.answer.set_result(None)
            else:
                self.answer.set_exception(RuntimeError(f"refused: {data[:200]!r}"))

    def post(self, path: str, body: bytes) -> asyncio.Future[None]:
        assert self.transport is not None
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(
            b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b"
            % (path.encode(), len(body), body)
        )
        return self.answer


class PostPublisher:
    """A POST for each event, as many at once as there are connections."""

    def __init__(self, posters: Sequence[Poster], path: str) -> None:
        self.posters = posters
        self.path = path
        self.numbers: dict[int, int] = {}

    @classmethod
    async def connect(cls, port: int, path: str) -> "PostPublisher":
        """`path` holds a `%d` for the topic."""
        loop = asyncio.get_running_loop()
        made = [await loop.create_connection(Poster, "127.0.0.1", port) for _ in range(POSTERS)]
        return cls([poster for _, poster in made], path)

    async def publish(self, topics: Sequence[int], size: int = DATA) -> None:
        for start in range(0, len(topics), POSTERS):
            some = topics[start : start + POSTERS]
            posts = (self._post(p, t, size) for p, t in zip(self.posters, some, strict=False))
            await asyncio.gather(*posts)

    def _post(self, poster: Poster, topic: int, size: int) -> asyncio.Future[None]:
        number = self.numbers[topic] = self.numbers.get(topic, 0) + 1
        return poster.post(self.path % topic, data(topic, number, size))


async def paced(publisher: Publisher, topics: Sequence[int], rate: float) -> None:
    """Publish `rate` events a second, for ever, in turn over the topics; late ones are made up for."""
    loop = asyncio.get_running_loop()
    began, done = loop.time(), 0
    with suppress(asyncio.CancelledError):
        while True:
            due = int((loop.time() - began) * rate) + 1
            if due > done:
                await publisher.publish([topics[i % len(topics)] for i in range(done, due)])
                done = due
            await asyncio.sleep(max(0.0005, began + done / rate - loop.time()))
