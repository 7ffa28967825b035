"""Background work that never ends: begun again after an error, and never silently."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from gateway.counts import Counts
from schemas.errors import StopcastError

log = structlog.get_logger()

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


async def supervised(name: str, work: Callable[[], Awaitable[None]], counts: Counts) -> None:
    """Run `work` again and again, with growing, jittered delays while it fails early."""
    delay = FIRST_DELAY
    while True:
        started = time.monotonic()
        try:
            await work()
            log.error("task_ended", task=name)
        except StopcastError as error:
            log.warning("task_failed", task=name, error=str(error))
        except Exception:
            log.exception("task_failed", task=name)
        counts.restarts += 1
        if time.monotonic() - started > LONGEST_DELAY:
            delay = FIRST_DELAY
        await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311  # jitter
        delay = min(delay * 2, LONGEST_DELAY)
