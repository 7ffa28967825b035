"""Ending asyncio tasks for certain."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel until they end: a library in between may take a cancellation for its own time-out."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=1)


@contextmanager
def cancellable() -> Iterator[None]:
    """A cancellation that a library takes for itself within the block is raised at its end.

    redis-py sends by `asyncio.wait_for`, which on Python 3.11 returns as if nothing had been when the
    cancellation comes with the end of what it waits for. A TaskGroup cancels once: it would wait for
    ever.

    Raises:
        CancelledError: there was one.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
