"""A simulated source that goes with the days and with new versions of the schedule."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from starlette.applications import Starlette

from feeds.sources.clock import Reading
from feeds.sources.simulation.simulation import NAMES, Simulation
from feeds.sources.source import Source
from feeds.timetable.stored_schedule import active_version, timetable_at
from feeds.timetable.timetable import Timetable
from schemas.database import Connection, connect
from schemas.errors import StopcastError
from schemas.tasks import end

log = structlog.get_logger()

LOOK_EVERY = 10  # seconds between two looks for a new version or a new day


class SimulateError(StopcastError):
    """There is no schedule to simulate."""


class CurrentSimulation:
    """The simulation of a feed's active schedule around today; replaced when either changes."""

    names = NAMES

    def __init__(self, timetable: Timetable, seed: int, interval: int) -> None:
        self.seed = seed
        self.interval = interval
        self.become(timetable)

    def become(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.simulation = Simulation(timetable, self.seed, self.interval)

    def message(self, name: str, time: float) -> bytes:
        return self.simulation.message(name, time)

    async def follow(self, connection: Connection, time: float) -> None:
        """Look once whether there is another version or another day."""
        timetable = self.timetable
        version = await active_version(connection, timetable.feed_id)
        if version != timetable.version or not timetable.reaches(time):
            self.become(await imported_timetable(connection, timetable.feed_id, time))
            log.info("simulation_replaced", feed=timetable.feed_id, version=version)


async def imported_timetable(connection: Connection, feed_id: str, time: float) -> Timetable:
    """The timetable of the days around a time (POSIX seconds).

    Raises:
        SimulateError: the feed was never imported.
    """
    timetable = await timetable_at(connection, feed_id, time)
    if timetable is None:
        raise SimulateError(
            f"feed {feed_id!r} has no schedule in Postgres: "
            f"run `stopcast feeds import SOURCE --feed {feed_id}`"
        )
    return timetable


def simulate_app(
    current: CurrentSimulation,
    database_url: str,
    clock: Callable[[], Reading],
    *,
    announce_clock: bool,
) -> Starlette:
    """Serve the simulation, which follows the schedule in Postgres; without Postgres it goes on."""

    async def follow() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                async with connect(database_url) as connection:
                    await current.follow(connection, clock().time)
            except StopcastError as error:
                log.warning("schedule_not_read", reason=str(error))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001  # Starlette's signature
        task = asyncio.create_task(follow())
        yield
        await end([task])

    return Source(current, clock, announce_clock=announce_clock).app(lifespan=lifespan)
