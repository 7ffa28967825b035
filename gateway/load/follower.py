"""One client of the streams, across its connections: what a phone keeps, and how it comes back."""

import asyncio
import time
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson

from gateway.load.connection import Connection
from gateway.load.deployment import Deployment
from gateway.load.tally import Tally
from schemas.event_reader import PASSING, SILENCE, Event, EventReader, fold

# Seconds: what an EventSource waits unless it is told; and no server makes us come back sooner.
_RETRY, _SOONEST = 3.0, 0.25

# The same bytes go to many streams: they are read once, and what was read is shared.
_loads = lru_cache(maxsize=512)(orjson.loads)


class Follower:
    """Follows its stops until cancelled. `boards` is what its user would see."""

    def __init__(self, stop_ids: Sequence[str], deployment: Deployment, tally: Tally) -> None:
        self.stop_ids = stop_ids
        self.boards: dict[str, Any] = {}
        self.connection: Connection | None = None
        self.served = False  # at least once
        self._deployment = deployment
        self._tally = tally
        self._reader = EventReader(_loads)
        self._since = 0.0  # monotonic: began to connect, or lost the last stream
        self._farewell = ""

    @property
    def open(self) -> bool:
        """Events come, or may come."""
        return self.connection is not None and self.connection.served

    async def run(self) -> None:
        """Connect, and come back as an EventSource does; returns if refused for good."""
        self._since = time.monotonic()
        wait: float | None = 0.0
        while wait is not None:
            await asyncio.sleep(wait)
            wait = await self._follow()

    def watch(self) -> None:
        """Give up a connection that has been silent for too long."""
        connection = self.connection
        if connection and time.monotonic() - connection.heard > SILENCE:
            connection.end("silent")

    async def _follow(self) -> float | None:
        """One connection, from its beginning to its end; how long to wait then, None: for ever."""
        self._reader = self._reader.resumed()
        self._farewell = ""
        refused = self._tally.refused
        try:
            answer = await self._deployment.stream(
                self.stop_ids, self._reader.last_id, self._answer
            )
        except TimeoutError:
            refused["no connection: timed out"] += 1
        except OSError as error:
            refused[f"no connection: {error.strerror or error}"] += 1
        else:
            why = await self._held(answer)
            if answer.status and not answer.streams:
                refused[answer.refusal] += 1
                return self._later(answer)
            reason = f"goodbye {self._farewell}" if self._farewell else why
            (self._tally.lost if answer.served else refused)[reason] += 1
        return self._delay()

    async def _held(self, answer: Connection) -> str:
        """Wait until the answer is over; why it is."""
        self.connection = answer
        try:
            return await answer.over
        finally:
            answer.end("left")
            self.connection = None
            if answer.served:
                self._tally.open -= 1
                self._since = time.monotonic()
            date = answer.headers.get("date", "")
            self._deployment.clock.answered(date, answer.asked, answer.answered)

    def _answer(self, request: bytes) -> Connection:
        return Connection(request, self._reader, self._tally, self._take)

    def _later(self, answer: Connection) -> float | None:
        """When to ask again after an answer that is no stream."""
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in PASSING:
            return None
        retry_after = answer.headers.get("retry-after", "")
        return max(float(retry_after), _SOONEST) if retry_after.isdigit() else self._delay()

    def _delay(self) -> float:
        retry = self._reader.retry
        return max(_RETRY if retry is None else retry / 1000, _SOONEST)

    # -- events ----------------------------------------------------------------------------------

    def _take(self, connection: Connection, event: Event) -> None:
        tally = self._tally
        if event.name == "goodbye":
            self._farewell = event.data["reason"]
            tally.goodbyes[self._farewell] += 1
            return
        if not connection.served:
            self._begin(connection)
        if event.name in {"snapshot", "patch"}:
            tally.deliveries += 1
            self._measure(connection, event)
        fold(self.boards, event)

    def _begin(self, connection: Connection) -> None:
        """The first event: from here on it is served."""
        tally = self._tally
        waited = time.monotonic() - self._since
        (tally.reconnect if self.served else tally.first_event).add(waited)
        tally.connected += not self.served
        tally.open += 1
        self.served = connection.served = True

    def _measure(self, connection: Connection, event: Event) -> None:
        tally, version, clock = self._tally, event.data["version"], self._deployment.clock
        published, now = version / 1_000_000, time.time()  # by the owner's clock, and by ours
        clock.brought(published, now)
        # What is older than the stream was there to be fetched: it says nothing of the way here.
        if published - clock.offset >= connection.answered:
            tally.latency.add(now - published)
        if event.name == "patch":
            board = self.boards.get(event.data["stop_id"])
            if board is None:
                tally.gaps += 1
            else:
                stop_id = event.data["stop_id"]
                tally.gaps += tally.succession.gaps(stop_id, board["version"], version)
