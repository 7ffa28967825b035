"""The truth of a drill: an agency of the demo city, and the boards that follow from what it says."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import uvicorn
from google.transit.gtfs_realtime_pb2 import FeedMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feeds.realtime.pipeline import Pipeline
from feeds.realtime.window import PAST
from feeds.sources.clock import CLOCK_HEADER, Reading
from feeds.sources.simulation.lateness import EARLIEST
from feeds.sources.simulation.simulation import Simulation
from feeds.timetable.timetable import Timetable

FEED_ID = "demo"
# 08:00 of a Wednesday in the demo city. Its clock stands still between two steps, so that once
# quiet the truth does too.
BEGIN = datetime(2026, 11, 18, 16, 0, tzinfo=UTC).timestamp()
LONGEST = 14 * 3600  # seconds that it may go on: then its night begins
ALERTS = "/alerts"  # the path of the second endpoint
SLOWEST = 0.3  # seconds that an answer takes at most

Ill = Literal["error", "garbage", "silence"]


class City:
    """`step` changes what the agency says; `boards` are what must come to stand everywhere.

    Two simulated fates take turns: a share of the trips is told by the other one. So predictions
    also come back to what they were, and a late write of an old message finds its board unmoved.
    No vehicles: their positions on a board depend on the boards before.
    """

    def __init__(self, timetable: Timetable, seed: int) -> None:
        self.timetable = timetable
        self.time = BEGIN
        self.message = b""
        self.alerts = b""
        self.ill: Ill | None = None
        self.ill_alerts: Ill | None = None
        self.url = ""
        self._random = random.Random(seed)  # noqa: S311  # made-up trains
        self._fates = (Simulation(timetable, 1, 5), Simulation(timetable, 2, 5))
        self._swapped: set[str] = set()
        self._speak(0)

    @property
    def over(self) -> bool:
        return self.time > BEGIN + LONGEST

    def step(self) -> None:
        """Say something new; time passes now and then."""
        self._speak(self._random.choice((0, 0, 5, 20)))

    def settle(self) -> None:
        """Say something new, so much later that all that was seen departing has left the boards.

        A call that was seen departed stays for two minutes, and for as long after its schedule where
        it was early (rule 28); a pipeline that knows the last message only has not seen it.
        """
        self._speak(PAST - EARLIEST + 10)

    def _speak(self, later: float) -> None:
        self.time += later
        first, second = (
            {entity.id: entity for entity in self._said(fate, "trip-updates").entity}
            for fate in self._fates
        )
        for trip in self._random.sample(sorted(second), len(second) // 5):
            self._swapped ^= {trip}
        alerts = self._said(self._fates[0], "alerts")
        told = FeedMessage(header=alerts.header)
        told.entity.extend(
            second[trip] if trip in self._swapped and trip in second else first[trip]
            for trip in first
        )
        self.message, self.alerts = told.SerializeToString(), alerts.SerializeToString()

    def _said(self, fate: Simulation, name: str) -> FeedMessage:
        return FeedMessage.FromString(fate.message(name, self.time))

    def boards(self) -> Mapping[str, Any]:
        """By global stop id, without versions: a pipeline that knows the last messages only."""
        pipeline = Pipeline(self.timetable)
        pipeline.poll(0, self.message, self.time)
        pipeline.poll(1, self.alerts, self.time)
        pipeline.changes(pipeline.pending(self.time), self.time)
        return {
            f"{FEED_ID}:{stop}": unversioned(board)
            for stop, board in pipeline.boards.boards.items()
        }

    async def answer(self, request: Request) -> Response:
        of_alerts = request.url.path == ALERTS
        message = self.alerts if of_alerts else self.message
        said = Response(message, headers={CLOCK_HEADER: Reading(self.time, 0).header()})
        await asyncio.sleep(self._random.uniform(0, SLOWEST))
        match self.ill_alerts if of_alerts else self.ill:
            case "error":
                return Response(b"sorry", 500)
            case "garbage":
                return Response(b"<html>sorry</html>")
            case "silence":
                await asyncio.sleep(30)
        return said


def unversioned(board: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in board.items() if name != "version"}


class _Server(uvicorn.Server):
    """Leaves signals to the drill."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(city: City) -> AsyncIterator[None]:
    """The agency on a free loopback port, `city.url`."""
    app = Starlette(routes=[Route(path, city.answer) for path in ("/", ALERTS)])
    config = uvicorn.Config(
        app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn sets no event
        await asyncio.sleep(0.01)
    city.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    try:
        yield
    finally:
        server.should_exit = True
        await task
