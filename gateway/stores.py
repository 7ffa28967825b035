"""Whether Redis and Postgres answer, and how fast: asked every few seconds, for /metrics.

Nothing is decided by it. Redis is watched by those who use it, and Postgres may be away.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from gateway.database import Database
from schemas.errors import StopcastError
from schemas.live import LiveStore

log = structlog.get_logger()

INTERVAL = 5.0  # seconds between two questions …
PATIENCE = 2.0  # … to which an answer that takes longer is none


class Stores:
    """By name, how many seconds the last answer took; None: there was none. Unasked ones are missing."""

    def __init__(self, live: LiveStore, database: Database) -> None:
        self.seconds: dict[str, float | None] = {}
        self._ask: dict[str, Callable[[], Awaitable[object]]] = {
            "redis": live.server,
            "postgres": lambda: database.fetch("SELECT 1"),
        }

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Ask once, both together."""
        await asyncio.gather(*map(self._look, self._ask))

    async def _look(self, store: str) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ask[store]()
        except (StopcastError, TimeoutError) as error:
            if self.seconds.get(store, 0) is not None:  # once; /metrics tells for how long
                log.warning("store_away", store=store, error=str(error) or "no answer in time")
            self.seconds[store] = None
        else:
            if self.seconds.get(store, 0) is None:
                log.info("store_back", store=store)
            self.seconds[store] = time.monotonic() - began
