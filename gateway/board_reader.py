"""Reads boards from Redis for plain requests: together, and only those that changed.

What a client reads is what Redis holds at that moment, also where no stream follows the stop.
"""

import asyncio

from schemas.live import LiveStore
from schemas.stored_board import StoredBoard

KEPT = 512  # boards of the stops asked for; busy ones are about 10 kB


class BoardReader:
    """One read at a time: what is asked for meanwhile goes with the next pipeline."""

    def __init__(self, live: LiveStore) -> None:
        self._live = live
        self._kept: dict[str, StoredBoard] = {}
        self._asked: dict[str, asyncio.Future[StoredBoard | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self, stop_id: str) -> StoredBoard | None:
        """The stop's board as it stands; None: it has none.

        Raises:
            LiveStoreError: Redis is away.
        """
        if stop_id not in self._asked:
            self._asked[stop_id] = asyncio.get_running_loop().create_future()
        answer = self._asked[stop_id]
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(answer)  # others may wait for it, too

    async def _read(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._reading = None

    async def _answer(self, asked: dict[str, asyncio.Future[StoredBoard | None]]) -> None:
        try:
            versions = await self._live.versions(list(asked))
            newer = [
                stop
                for stop, version in zip(asked, versions, strict=True)
                if version is not None and self._version(stop) != version
            ]
            boards = dict(zip(newer, await self._live.boards(newer), strict=True))
        except Exception as error:  # noqa: BLE001  # raised where it was asked for
            for answer in asked.values():
                answer.set_exception(error)
                answer.exception()  # seen, also where nobody waits any more
            return
        for (stop, answer), version in zip(asked.items(), versions, strict=True):
            board = None if version is None else boards.get(stop, self._kept.get(stop))
            self._keep(stop, board)
            answer.set_result(board)

    def _version(self, stop: str) -> int | None:
        kept = self._kept.get(stop)
        return kept.version if kept else None

    def _keep(self, stop: str, board: StoredBoard | None) -> None:
        self._kept.pop(stop, None)
        if board is not None:
            self._kept[stop] = board
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]  # the one that was not asked for longest
