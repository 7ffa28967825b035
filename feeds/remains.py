"""What is left of a feed once nobody ingests it any more: in Redis and in Postgres; and its removal."""

from dataclasses import dataclass
from typing import NamedTuple

from feeds.gtfs import versions
from feeds.gtfs.schedule import Progress
from feeds.gtfs.source import shown
from feeds.ingest.publication import Versions
from schemas import frames
from schemas.database import Connection
from schemas.errors import StopcastError
from schemas.live import Lease, LiveStore

# Seconds; longer than a batch of boards, or the removal of a schedule's tables, may take.
LEASE_TTL = 60.0
BATCH = 500
STEP = "removing boards"


class FeedInUseError(StopcastError):
    """Somebody ingests the feed: what is removed would come back."""


class LeftSchedule(NamedTuple):
    """The active version of a feed, what it was made of, and its bytes on disk."""

    version: int
    source: str
    size: int


@dataclass(frozen=True, slots=True)
class Remains:
    """What there is of a feed; `others` are the feeds that there are beside it."""

    feed_id: str
    schedule: LeftSchedule | None
    boards: int
    told: bool
    owner: str | None
    others: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.schedule or self.boards or self.told)


class Removal(NamedTuple):
    """What was removed; not `dropped`: tables that nobody refers to wait for their last reader."""

    boards: int
    dropped: bool


async def find(feed_id: str, connection: Connection, live: LiveStore) -> Remains:
    """Look, and change nothing.

    Raises:
        LiveStoreError, DatabaseError: one of both is away.
    """
    active = await versions.active(connection, feed_id)
    schedule = active and LeftSchedule(
        active.version,
        shown(active.source.name),
        await versions.size(connection, active.version),
    )
    stored = await live.versions(await _stops(feed_id, connection, live))
    known = await live.known()
    others = {*known, *await versions.feeds(connection)} - {feed_id}
    return Remains(
        feed_id,
        schedule,
        sum(version is not None for version in stored),
        feed_id in known,
        await live.owner(feed_id),
        tuple(sorted(others)),
    )


async def remove(
    feed_id: str, connection: Connection, live: LiveStore, owner: str, progress: Progress
) -> Removal:
    """Remove it all; what was interrupted goes on when it is asked for again.

    Meanwhile we own the feed, so that no ingester begins anew with it, and no import goes on.

    Raises:
        FeedInUseError: an ingester owns the feed.
        LiveStoreError, DatabaseError: one of both is away.
    """
    async with versions.alone(connection, feed_id):
        lease = await live.acquire(feed_id, owner, LEASE_TTL)
        if lease is None:
            raise FeedInUseError(
                f"feed {feed_id} is owned by {await live.owner(feed_id)}: take it out of the "
                "stopcast.toml of that ingester, start the ingester anew, and try again"
            )
        try:
            stops = await _stops(feed_id, connection, live)
            boards = await _retire(lease, stops, live, progress)
            dropped = await versions.remove(connection, feed_id)
            await live.forget(feed_id)
        finally:
            await live.renew(lease, 0)
    return Removal(boards, dropped)


async def _stops(feed_id: str, connection: Connection, live: LiveStore) -> list[str]:
    """Global ids of all that can have a board: of its last owner's word, and of its schedule."""
    ids = await live.stops(feed_id) | await versions.stop_ids(connection, feed_id)
    return [f"{feed_id}:{stop_id}" for stop_id in sorted(ids)]


async def _retire(lease: Lease, stops: list[str], live: LiveStore, progress: Progress) -> int:
    removed, numbers = 0, Versions()
    for start in range(0, len(stops), BATCH):
        if not await live.renew(lease, LEASE_TTL):
            raise FeedInUseError(f"feed {lease.feed_id}: another took it meanwhile; try again")
        boards = await live.stamp(lease, stops[start : start + BATCH])
        numbers.see(board.version for board in boards.values())
        gone = [(stop_id, frames.gone(stop_id)) for stop_id in boards]
        await live.retire(lease, numbers.next(), gone)
        removed += len(boards)
        progress(STEP, start + BATCH, len(stops))
    return removed
