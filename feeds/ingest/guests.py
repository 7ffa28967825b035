"""Shared stops: boards of other feeds that are shown on boards of this one (`shares`, stopcast.toml).

A feed's owner follows its guests' boards in Redis and joins them with its own when it publishes. So
each board keeps one writer, and feeds need not be owned by the same process.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import structlog

from feeds.realtime.boards import Change
from feeds.realtime.window import MOST
from feeds.timetable.timetable import Timetable
from schemas.arrivals import Arrival, Board, effective_time
from schemas.live import LiveStore
from schemas.merge_patch import diff

log = structlog.get_logger()

SILENT = 15.0  # seconds without a beat of its owner after which a feed's boards are not shown


class Guests:
    """What stands on the boards of one feed that have guests: its own arrivals and theirs."""

    def __init__(self, live: LiveStore, shares: Mapping[str, Sequence[str]]) -> None:
        """`shares`: by stop_id of this feed the global ids of the stops that it shows too."""
        self.live = live
        self._shares = shares
        self._followed = sorted({guest for guests in shares.values() for guest in guests})
        self._boards: dict[str, Board] = {}
        self._guests_of: Mapping[str, Sequence[str]] = shares
        self._published: dict[str, Board] = {}
        self._moved: set[str] = set()
        self._timetable: Timetable | None = None

    def adopt(self, standing: Mapping[str, Board], timetable: Timetable) -> dict[str, Board]:
        """Go on from these published boards; those of them that have no guests."""
        self.know(timetable)
        self._published = {stop: standing[stop] for stop in self._guests_of if stop in standing}
        return {stop: board for stop, board in standing.items() if stop not in self._guests_of}

    def know(self, timetable: Timetable) -> None:
        """A guest of a platform stands on the board of its station, too."""
        if timetable is self._timetable:
            return
        self._timetable = timetable
        guests: dict[str, list[str]] = defaultdict(list)
        for stop_id, named in self._shares.items():
            stop = timetable.stops.get(stop_id)
            if stop is None:
                log.warning("shared_stop_unknown", feed=timetable.feed_id, stop=stop_id)
                continue
            for board in filter(None, (stop_id, stop.parent_station)):
                guests[board] += [guest for guest in named if guest not in guests[board]]
        self._guests_of = guests

    async def look(self, wall: float) -> None:
        """See what has changed on the guests' boards at `wall`, POSIX seconds of our own clock.

        Raises:
            LiveStoreError: Redis is away.
        """
        if not self._followed:
            return
        feeds = await self.live.feeds()
        speaking = {name for name, told in feeds.items() if wall - told.beat <= SILENT}
        shown = [stop for stop in self._followed if stop.partition(":")[0] in speaking]
        versions = dict(zip(shown, await self.live.versions(shown), strict=True))
        there = {stop: version for stop, version in versions.items() if version is not None}
        changed = {stop for stop in self._boards if stop not in there}
        for stop in changed:
            del self._boards[stop]
        newer = [stop for stop, version in there.items() if self._version(stop) != version]
        for stop, stored in zip(newer, await self.live.boards(newer), strict=True):
            if stored is not None:
                self._boards[stop] = stored.board()
                changed.add(stop)
        self._moved |= {
            stop for stop, guests in self._guests_of.items() if not changed.isdisjoint(guests)
        }

    def _version(self, guest: str) -> int | None:
        board = self._boards.get(guest)
        return board["version"] if board else None

    def joined(self, changes: Iterable[Change]) -> list[Change]:
        """The changes of our own boards as they are to be published."""
        joined = (
            self._join(change.after) if change.stop_id in self._guests_of else change
            for change in changes
        )
        return [change for change in joined if change is not None]

    def changes(self, own: Mapping[str, Board]) -> list[Change]:
        """What the guests alone have changed, beside our own boards by stop_id."""
        moved, self._moved = self._moved, set()
        return self.joined(
            Change(stop_id, None, own[stop_id], {}) for stop_id in sorted(moved & own.keys())
        )

    def _join(self, own: Board) -> Change | None:
        stop_id = own["stop_id"].partition(":")[2]
        self._moved.discard(stop_id)
        before = self._published.get(stop_id)
        guests = [self._boards[g] for g in self._guests_of[stop_id] if g in self._boards]
        after = _union(own, guests)
        after["version"] = before["version"] if before else 0
        patch = diff(before, after) if before else {}
        if before and not patch:
            return None
        self._published[stop_id] = after
        return Change(stop_id, before, after, patch)


def _union(own: Board, guests: Iterable[Board]) -> Board:
    arrivals, routes, alerts = dict(own["arrivals"]), dict(own["routes"]), dict(own["alerts"])
    for guest in guests:
        platform = guest["stop_id"].partition(":")[2]
        for key, told in guest["arrivals"].items():
            arrivals[key] = told if "stop_id" in told else {**told, "stop_id": platform}
        routes |= guest["routes"]
        alerts |= guest["alerts"]
    first = sorted(arrivals.items(), key=_time_and_key)[:MOST]
    return {**own, "arrivals": dict(first), "routes": routes, "alerts": alerts}


def _time_and_key(entry: tuple[str, Arrival]) -> tuple[int, str]:
    return effective_time(entry[1]) or 0, entry[0]
