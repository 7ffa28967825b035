"""LiveStore: the live state in Redis, seen from both sides.

One writer a feed (the owner of its lease), any number of readers. Every write of a board is one
script (schemas/*.lua) that refuses what a newer owner or another version forbids, so a board and
the patches on its channel never contradict each other.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from schemas import keys, server_url, shards
from schemas.commands import Command, Commands, Script
from schemas.errors import StopcastError
from schemas.feed_state import FeedState
from schemas.shards import Shards
from schemas.stored_board import Message, Publication, StoredBoard
from schemas.tasks import cancellable

# Boards outlive the hash of their feed, so that `complete` never stands without them.
BOARD_TTL = 3600
FEED_TTL = 1800


class LiveStoreError(StopcastError):
    """Redis could not be reached or refused; the text says where and why."""


class FencedError(LiveStoreError):
    """A newer owner has written, or the lease is lost: this process must not write this feed any more."""


class Lease(NamedTuple):
    """The right to write a feed's boards, while it is renewed."""

    feed_id: str
    owner: str
    fence: int

    def held(self) -> str:
        """What stands at the lease's key while it is held."""
        return f"{self.owner} {self.fence}"


def _script(name: str) -> Script:
    return Script(Path(__file__).parent / f"{name}.lua")


_PUBLISH = _script("publish")
_RETIRE = _script("retire")
_STAMP = _script("stamp")
_ACQUIRE = _script("acquire")
_RENEW = _script("renew")
_TELL = _script("tell")
_SCRIPTS = (_PUBLISH, _RETIRE, _STAMP, _ACQUIRE, _RENEW, _TELL)


class LiveStore:
    """Boards, channels, leases and feed states in one Redis, or in the shards of a Cluster."""

    def __init__(self, shards: Shards) -> None:
        self.shards = shards
        self.redis = shards.redis
        self._commands = Commands(shards, _SCRIPTS)

    @classmethod
    def connect(cls, url: str) -> "LiveStore":
        """A client for `url`; no connection is made before the first command."""
        try:
            return cls(shards.connect(url))
        except (*shards.ERRORS, ValueError) as error:
            reason = server_url.fault(error, url)
            raise LiveStoreError(f"REDIS_URL: {reason}") from None

    async def close(self) -> None:
        await self.shards.close()

    # -- readers ---------------------------------------------------------------------------------

    async def boards(self, stop_ids: Sequence[str]) -> list[StoredBoard | None]:
        """Each stop's board, None where there is none."""
        rows = await self._answers(("HGETALL", keys.board(stop)) for stop in stop_ids)
        return [StoredBoard.decode(row) for row in rows]

    async def versions(self, stop_ids: Sequence[str]) -> list[int | None]:
        """Each stop's version, None where it has no board."""
        rows = await self._answers(("HGET", keys.board(stop), "version") for stop in stop_ids)
        return [int(version) if version is not None else None for version in rows]

    async def parent(self, feed_id: str, stop_id: str) -> str | None:
        """For an entrance, node or boarding area: the GTFS stop_id that has its board."""
        with _errors():
            found: Any = await self.redis.hget(keys.parents(feed_id), stop_id)
        return found.decode() if found is not None else None

    async def feeds(self) -> dict[str, FeedState]:
        """Every feed that an owner has told of."""
        ids = sorted(await self.known())
        rows = await self._answers(("HGETALL", keys.feed(feed)) for feed in ids)
        states = (FeedState.decode(feed, row) for feed, row in zip(ids, rows, strict=True))
        return {state.feed_id: state for state in states if state is not None}

    async def known(self) -> set[str]:
        """The feeds that have ever been told of and were not forgotten."""
        with _errors():
            members: set[Any] = await self.redis.smembers(keys.FEEDS)
        return {feed.decode() for feed in members}

    async def owner(self, feed_id: str) -> str | None:
        """Who holds the feed's lease; None: nobody."""
        with _errors():
            held: Any = await self.redis.get(keys.lease(feed_id))
        return held.decode().rpartition(" ")[0] if held is not None else None

    async def server(self) -> dict[str, Any]:
        """What Redis says of itself: run_id, maxmemory_policy.

        Of a Cluster: what its masters say. One that failed over, or joined, makes another run of it.
        """
        with _errors():
            infos = await self.shards.infos()
        return {
            field: " ".join(sorted({info[field] for info in infos}))
            for field in ("run_id", "maxmemory_policy")
        }

    # -- the owner of a feed ---------------------------------------------------------------------

    async def acquire(self, feed_id: str, owner: str, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds; None: somebody holds it."""
        [fence] = await self._answers(
            [_ACQUIRE([keys.lease(feed_id), keys.feed(feed_id)], [owner, int(ttl * 1000)])]
        )
        return Lease(feed_id, owner, int(fence)) if fence is not None else None

    async def renew(self, lease: Lease, ttl: float) -> bool:
        """Keep the lease for `ttl` seconds from now (0 gives it back); False: it was lost."""
        renewal = _RENEW([keys.lease(lease.feed_id)], [lease.held(), int(ttl * 1000)])
        [held] = await self._answers([renewal])
        return bool(held)

    async def stamp(self, lease: Lease, stop_ids: Sequence[str]) -> dict[str, StoredBoard]:
        """Read boards back and put the lease's fence on them.

        Raises:
            FencedError: a newer owner has been here.
        """
        rows = await self._unless_fenced(
            lease, (_STAMP([keys.board(stop)], [lease.fence]) for stop in stop_ids)
        )
        hashes = (dict(zip(row[::2], row[1::2], strict=True)) if row else {} for row in rows)
        boards = zip(stop_ids, map(StoredBoard.decode, hashes), strict=True)
        return {stop: board for stop, board in boards if board}

    async def publish(self, lease: Lease, publications: Sequence[Publication]) -> list[str]:
        """Store and publish; the stops where another version stands than `prev` said.

        Raises:
            FencedError: a newer owner has written; nothing of ours was stored after it.
        """
        size = self.shards.batch
        batches = [
            publications[start : start + size] for start in range(0, len(publications), size)
        ]
        commands = (
            _PUBLISH(
                [keys.board(p.stop_id) for p in batch],
                [lease.fence, BOARD_TTL, *(one for p in batch for one in p.arguments)],
            )
            for batch in batches
        )
        answers = await self._unless_fenced(lease, commands)
        return [
            batch[place].stop_id
            for batch, moved in zip(batches, answers, strict=True)
            for place in moved
        ]

    async def retire(self, lease: Lease, version: int, gone: Iterable[tuple[str, bytes]]) -> None:
        """Remove boards of stops that left the schedule; followers get each stop's frame.

        Raises:
            FencedError: a newer owner has written.
        """
        commands = (
            _RETIRE(
                [keys.board(stop_id)],
                [
                    lease.fence,
                    keys.channel(stop_id),
                    Message(0, version, lease.fence, frame).encode(),
                ],
            )
            for stop_id, frame in gone
        )
        await self._unless_fenced(lease, commands)

    async def keep(self, stop_ids: Sequence[str]) -> None:
        """Renew the time to live of boards that did not change."""
        await self._answers(("EXPIRE", keys.board(stop), BOARD_TTL) for stop in stop_ids)

    async def tell(self, lease: Lease, state: FeedState) -> None:
        """Write the state of the lease's feed.

        Raises:
            FencedError: the lease is not held any more, or Redis was emptied; nothing was written.
        """
        members = [one for member in state.encode().items() for one in member]
        feed = [keys.lease(state.feed_id), keys.feed(state.feed_id)]
        [told] = await self._answers([_TELL(feed, [lease.held(), FEED_TTL, *members])])
        if told == b"fenced":
            raise FencedError(f"feed {state.feed_id}: the lease was lost")
        await self._answers([("SADD", keys.FEEDS, state.feed_id)])

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

    async def forget(self, feed_id: str) -> None:
        """Remove all that was told of a feed; its boards must have been retired before."""
        with _errors():
            async with self.redis.pipeline(transaction=False) as pipe:
                for key in (keys.stops(feed_id), keys.parents(feed_id), keys.feed(feed_id)):
                    pipe.delete(key)
                pipe.srem(keys.FEEDS, feed_id)
                await pipe.execute()

    async def _unless_fenced(self, lease: Lease, commands: Iterable[Command]) -> list[Any]:
        answers = await self._answers(commands)
        if b"fenced" in answers:
            raise FencedError(f"feed {lease.feed_id}: a newer owner has written")
        return answers

    async def _answers(self, commands: Iterable[Command]) -> list[Any]:
        with _errors():
            return await self._commands.answers(commands)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        with cancellable():
            yield
    except (*shards.ERRORS, ValueError) as error:
        raise LiveStoreError(f"Redis: {error}") from error
