"""LiveStore: the live state in Redis, seen from both sides.

One writer a feed (the owner of its lease), any number of readers. Every write of a board is one
script (schemas/*.lua) that refuses what a newer owner or another version forbids, so a board and
the patches on its channel never contradict each other.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas import keys
from schemas.arrivals import FeedStatus
from schemas.errors import StopcastError

# Boards outlive the hash of their feed, so that `complete` never stands without them.
BOARD_TTL = 3600
FEED_TTL = 1800
# One pipeline holds this many scripts at most: 200 busy boards are about 2 MB.
PIPELINE = 200


class LiveStoreError(StopcastError):
    """Redis could not be reached or refused; the text says where and why."""


class FencedError(LiveStoreError):
    """A newer owner has written: this process must not write this feed any more."""


class StoredBoard(NamedTuple):
    """A board as it stands: the finished snapshot frame of a version."""

    version: int
    frame: bytes


class Publication(NamedTuple):
    """One changed board. `prev` is the version that `frame` patches; None: `frame` is a snapshot."""

    stop_id: str
    prev: int | None
    version: int
    snapshot: bytes
    frame: bytes


class Message(NamedTuple):
    """What followers of a stop receive. `prev` 0: the frame needs nothing before it."""

    prev: int
    version: int
    fence: int
    frame: bytes

    def encode(self) -> bytes:
        return b"%d %d %d\n%b" % self

    @classmethod
    def decode(cls, data: bytes) -> "Message":
        head, _, frame = data.partition(b"\n")
        prev, version, fence = map(int, head.split())
        return cls(prev, version, fence, frame)


class Lease(NamedTuple):
    """The right to write a feed's boards, while it is renewed."""

    feed_id: str
    owner: str
    fence: int


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as its owner last told it. Times are POSIX seconds.

    `now` is the board clock at `beat` (the owner's wall clock), running `rate` times as fast: for a
    replay it is in its past. `lineage` (microseconds, as versions are) voids cursors before it.
    `redis_run` is the run id of the Redis that this was told to: another one has lost writes.
    """

    feed_id: str
    status: FeedStatus
    timestamp: int
    now: float
    beat: float
    rate: float
    owner: str
    lineage: int
    complete: bool
    report: dict[str, Any]
    redis_run: str = ""

    def board_clock(self, wall: float) -> float:
        """The board clock when the wall clock shows `wall`."""
        return self.now + (wall - self.beat) * self.rate

    def encode(self) -> dict[Any, Any]:
        return {
            "status": self.status,
            "timestamp": str(self.timestamp),
            "now": repr(self.now),
            "beat": repr(self.beat),
            "rate": repr(self.rate),
            "owner": self.owner,
            "lineage": str(self.lineage),
            "complete": "1" if self.complete else "0",
            "report": orjson.dumps(self.report),
            "redis_run": self.redis_run,
        }

    @classmethod
    def decode(cls, feed_id: str, stored: dict[bytes, bytes]) -> "FeedState | None":
        """None: no owner has told anything yet (the hash holds at most a fence)."""
        if b"status" not in stored:
            return None
        status: Any = stored[b"status"].decode()
        return cls(
            feed_id,
            status,
            int(stored[b"timestamp"]),
            float(stored[b"now"]),
            float(stored[b"beat"]),
            float(stored[b"rate"]),
            stored[b"owner"].decode(),
            int(stored[b"lineage"]),
            stored[b"complete"] == b"1",
            orjson.loads(stored[b"report"]),
            stored[b"redis_run"].decode(),
        )


class LiveStore:
    """Boards, channels, leases and feed states in one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._publish = self._script("publish")
        self._retire = self._script("retire")
        self._stamp = self._script("stamp")
        self._acquire = self._script("acquire")
        self._renew = self._script("renew")

    @classmethod
    def connect(cls, url: str) -> "LiveStore":
        """A client for `url`; no connection is made before the first command."""
        with _errors():
            return cls(Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5))

    async def close(self) -> None:
        await self.redis.aclose()

    def _script(self, name: str) -> Any:
        return self.redis.register_script((Path(__file__).parent / f"{name}.lua").read_text())

    # -- readers ---------------------------------------------------------------------------------

    async def boards(self, stop_ids: Sequence[str]) -> list[StoredBoard | None]:
        """Each stop's board, None where there is none."""
        rows = await self._pipeline(
            lambda pipe, stop: pipe.hmget(keys.board(stop), "version", "frame"), stop_ids
        )
        return [StoredBoard(int(v), frame) if v is not None else None for v, frame in rows]

    async def versions(self, stop_ids: Sequence[str]) -> list[int | None]:
        """Each stop's version, None where it has no board."""
        rows = await self._pipeline(
            lambda pipe, stop: pipe.hget(keys.board(stop), "version"), stop_ids
        )
        return [int(version) if version is not None else None for version in rows]

    async def parent(self, feed_id: str, stop_id: str) -> str | None:
        """For an entrance, node or boarding area: the GTFS stop_id that has its board."""
        with _errors():
            found: Any = await self.redis.hget(keys.parents(feed_id), stop_id)
        return found.decode() if found is not None else None

    async def feeds(self) -> dict[str, FeedState]:
        """Every feed that an owner has told of."""
        with _errors():
            members: set[Any] = await self.redis.smembers(keys.FEEDS)
        ids = sorted(feed.decode() for feed in members)
        rows = await self._pipeline(lambda pipe, feed: pipe.hgetall(keys.feed(feed)), ids)
        states = (FeedState.decode(feed, row) for feed, row in zip(ids, rows, strict=True))
        return {state.feed_id: state for state in states if state is not None}

    async def server(self) -> dict[str, Any]:
        """What Redis says of itself: run_id, maxmemory_policy."""
        with _errors():
            async with self.redis.pipeline(transaction=False) as pipe:
                pipe.info("server")
                pipe.info("memory")
                server, memory = await pipe.execute()
        return {"run_id": server["run_id"], "maxmemory_policy": memory["maxmemory_policy"]}

    # -- the owner of a feed ---------------------------------------------------------------------

    async def acquire(self, feed_id: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None: somebody holds it."""
        with _errors():
            fence = await self._acquire(
                keys=[keys.lease(feed_id), keys.feed(feed_id)], args=[owner, int(ttl * 1000)]
            )
        return Lease(feed_id, owner, int(fence)) if fence is not None else None

    async def renew(self, lease: Lease, ttl: float) -> bool:
        """Keep the lease for `ttl` seconds from now (0 gives it back); False: it was lost."""
        with _errors():
            held = await self._renew(
                keys=[keys.lease(lease.feed_id)],
                args=[f"{lease.owner} {lease.fence}", int(ttl * 1000)],
            )
        return bool(held)

    async def stamp(self, lease: Lease, stop_ids: Sequence[str]) -> dict[str, StoredBoard]:
        """Read boards back and put the lease's fence on them.

        Raises:
            FencedError: a newer owner has been here.
        """
        rows = await self._pipeline(
            lambda pipe, stop: self._stamp(
                keys=[keys.board(stop)], args=[lease.fence], client=pipe
            ),
            stop_ids,
        )
        if b"fenced" in rows:
            raise FencedError(f"feed {lease.feed_id}: a newer owner has written")
        return {
            stop: StoredBoard(int(row[0]), row[1])
            for stop, row in zip(stop_ids, rows, strict=True)
            if row is not None
        }

    async def publish(self, lease: Lease, publications: Sequence[Publication]) -> list[str]:
        """Store and publish; the stops where another version stands than `prev` said.

        Raises:
            FencedError: a newer owner has written; nothing of ours was stored after it.
        """
        answers = await self._pipeline(
            lambda pipe, p: self._publish(
                keys=[keys.board(p.stop_id), keys.channel(p.stop_id)],
                args=[
                    lease.fence,
                    "" if p.prev is None else p.prev,
                    p.version,
                    p.snapshot,
                    Message(p.prev or 0, p.version, lease.fence, p.frame).encode(),
                    BOARD_TTL,
                ],
                client=pipe,
            ),
            publications,
        )
        if b"fenced" in answers:
            raise FencedError(f"feed {lease.feed_id}: a newer owner has written")
        return [
            p.stop_id for p, answer in zip(publications, answers, strict=True) if answer == b"moved"
        ]

    async def retire(self, lease: Lease, version: int, gone: Iterable[tuple[str, bytes]]) -> None:
        """Remove boards of stops that left the schedule; followers get each stop's frame.

        Raises:
            FencedError: a newer owner has written.
        """
        answers = await self._pipeline(
            lambda pipe, one: self._retire(
                keys=[keys.board(one[0]), keys.channel(one[0])],
                args=[lease.fence, Message(0, version, lease.fence, one[1]).encode()],
                client=pipe,
            ),
            list(gone),
        )
        if b"fenced" in answers:
            raise FencedError(f"feed {lease.feed_id}: a newer owner has written")

    async def keep(self, stop_ids: Sequence[str]) -> None:
        """Renew the time to live of boards that did not change."""
        await self._pipeline(lambda pipe, stop: pipe.expire(keys.board(stop), BOARD_TTL), stop_ids)

    async def tell(self, state: FeedState) -> None:
        """Write the feed's state."""
        with _errors():
            async with self.redis.pipeline(transaction=False) as pipe:
                pipe.sadd(keys.FEEDS, state.feed_id)
                pipe.hset(keys.feed(state.feed_id), mapping=state.encode())
                pipe.expire(keys.feed(state.feed_id), FEED_TTL)
                await pipe.execute()

    async def stops(self, feed_id: str) -> set[str]:
        """The stop ids (GTFS) that its owner last published boards of."""
        with _errors():
            members: set[Any] = await self.redis.smembers(keys.stops(feed_id))
        return {stop_id.decode() for stop_id in members}

    async def tell_stops(self, feed_id: str, stop_ids: Collection[str]) -> None:
        """Write which stops have boards, so that a later owner knows which ones to retire."""
        with _errors():
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.delete(keys.stops(feed_id))
                if stop_ids:
                    pipe.sadd(keys.stops(feed_id), *stop_ids)
                await pipe.execute()

    async def tell_parents(self, feed_id: str, parents: dict[Any, Any]) -> None:
        """Write which stop has the board of an entrance, node or boarding area."""
        with _errors():
            async with self.redis.pipeline(transaction=True) as pipe:
                pipe.delete(keys.parents(feed_id))
                if parents:
                    pipe.hset(keys.parents(feed_id), mapping=parents)
                await pipe.execute()

    async def _pipeline(self, add: Any, items: Sequence[Any]) -> list[Any]:
        answers: list[Any] = []
        with _errors():
            for start in range(0, len(items), PIPELINE):
                async with self.redis.pipeline(transaction=False) as pipe:
                    for item in items[start : start + PIPELINE]:
                        await add(pipe, item)  # queues it; a script is queued by awaiting it
                    answers += await pipe.execute()
        return answers


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, ValueError) as error:
        raise LiveStoreError(f"Redis: {error}") from error
