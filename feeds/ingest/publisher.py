"""Publishing one feed's boards: takes over what stands in Redis, then writes what changes."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

from feeds.ingest.guests import Guests
from feeds.ingest.publication import Publications, Versions
from feeds.realtime.boards import Change
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.timetable import Timetable
from schemas import frames
from schemas.arrivals import Board
from schemas.feed_state import FeedState
from schemas.live import Lease, LiveStore, LiveStoreError
from schemas.stored_board import Publication
from schemas.tasks import end

BATCH = 500  # boards made before others get a turn


class LostWritesError(LiveStoreError):
    """Redis does not have what it took from us: it is another run, or an older state."""


class Publisher:
    """What the owner of a feed knows of its boards in Redis.

    `complete`: all boards are there. `lineage`: cursors before this version are void.
    """

    def __init__(
        self, feed_id: str, live: LiveStore, shares: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """`shares`: as of feeds/ingest/guests.py."""
        self.feed_id = feed_id
        self.live = live
        self.guests = Guests(live, shares or {})
        self.complete = False
        self.lineage = 0
        self.redis_run = ""
        self.predictions_stand = False
        self.boards_published = 0
        self.publish_seconds = 0.0
        self._versions = Versions()
        self._publications = Publications(self._versions)
        self._lost_writes = False

    async def take_over(self, lease: Lease, pipeline: Pipeline) -> FeedState | None:
        """Put our fence on what stands, and let `pipeline` go on from there.

        Returns the feed as its former owner told it; that may have been us.

        Raises:
            LiveStoreError: Redis is away, or a newer owner was quicker.
        """
        told = (await self.live.feeds()).get(self.feed_id)
        run: str = (await self.live.server())["run_id"]
        ours = set(pipeline.boards.stop_ids)
        known = sorted(ours | await self.live.stops(self.feed_id))
        stored = await self.live.stamp(lease, self._global(known))
        self._versions.see(board.version for board in stored.values())
        self._publications.forget()
        standing = {stop.partition(":")[2]: board.board() for stop, board in stored.items()}
        self.predictions_stand = any(map(_has_realtime, standing.values()))
        await self.guests.look(time.time())  # else they would go, and come again
        lost = self._lost_writes or told is None or told.redis_run != run
        if lost or told is None:
            # Clients may hold what Redis lost: everything goes out whole, no cursor counts.
            self.lineage, self.complete = self._versions.next(), False
            pipeline.adopt(self.guests.adopt({}, pipeline.timetable))
        else:
            self.lineage = told.lineage
            self.complete = told.complete and ours <= standing.keys()
            stand = {stop: board for stop, board in standing.items() if stop in ours}
            pipeline.adopt(self.guests.adopt(stand, pipeline.timetable))
        await self.retire(lease, standing.keys() - ours)
        self.redis_run, self._lost_writes = run, False
        return told

    async def check_run(self) -> None:
        """Look whether Redis is still the one that we took over.

        Raises:
            LostWritesError: it was restarted.
        """
        if (await self.live.server())["run_id"] != self.redis_run:
            self._lost_writes = True
            raise LostWritesError(f"feed {self.feed_id}: Redis was restarted")

    async def publish(self, lease: Lease, pipeline: Pipeline, now: float) -> None:
        """Publish every board that changed, as of `now` by the board clock.

        Raises:
            LostWritesError: another version stands than the one that we published.
            LiveStoreError: Redis is away, or a newer owner was quicker.
        """
        began = time.monotonic()
        stops = pipeline.pending(now)
        self.guests.know(pipeline.timetable)
        sending: list[asyncio.Task[None]] = []
        try:
            for start in range(0, len(stops), BATCH):
                changes = pipeline.changes(stops[start : start + BATCH], now)
                publications = self._encoded(self.guests.joined(changes))
                await asyncio.gather(*sending)
                sending = [asyncio.create_task(self._send(lease, publications))]
                await asyncio.sleep(0)  # Redis works on it while the next batch is made
            await asyncio.gather(*sending)
        finally:
            await end(sending)
        await self._send(lease, self._encoded(self.guests.changes(pipeline.boards.boards)))
        self.publish_seconds += time.monotonic() - began
        self.predictions_stand = False
        if not self.complete:
            await self.live.tell_stops(self.feed_id, pipeline.boards.stop_ids)
            await self.live.tell_parents(self.feed_id, _parents(pipeline.timetable))
            self.complete = True

    def _encoded(self, changes: Iterable[Change]) -> list[Publication]:
        return [self._publications.of(change) for change in changes]

    async def _send(self, lease: Lease, publications: Sequence[Publication]) -> None:
        if refused := await self.live.publish(lease, publications):
            self._lost_writes = True
            raise LostWritesError(f"{refused[0]}: another version stands than we published")
        self.boards_published += len(publications)

    async def retire(self, lease: Lease, stop_ids: Iterable[str]) -> None:
        """Remove the boards of stops (GTFS ids) that the schedule does not have any more."""
        gone = [(stop_id, frames.gone(stop_id)) for stop_id in self._global(sorted(stop_ids))]
        await self.live.retire(lease, self._versions.next(), gone)

    async def keep(self, pipeline: Pipeline) -> None:
        """Renew the time to live of all boards."""
        await self.live.keep(self._global(pipeline.boards.stop_ids))

    def _global(self, stop_ids: Iterable[str]) -> list[str]:
        return [f"{self.feed_id}:{stop_id}" for stop_id in stop_ids]


def _has_realtime(board: Board) -> bool:
    """Whether anything on it came from an endpoint: a prediction, a vehicle, an alert."""
    return bool(board["alerts"]) or any(
        arrival["status"] == "predicted" or "vehicle" in arrival
        for arrival in board["arrivals"].values()
    )


def _parents(timetable: Timetable) -> dict[str, str]:
    """Of entrances, nodes and boarding areas: the stop that has a board."""
    return {
        stop.stop_id: stop.parent_station
        for stop in timetable.stops.values()
        if stop.location_type > 1 and stop.parent_station
    }
