"""A deadline is over when time has passed, not when one turn of the loop was slow."""

import asyncio
import time

import pytest

from gateway.limits.deadline import Deadline


async def test_it_ends_what_takes_too_long() -> None:
    with pytest.raises(TimeoutError):
        async with Deadline(0.02, 2):
            await asyncio.Event().wait()


async def test_a_slow_turn_of_the_loop_is_not_held_against_what_is_waited_for() -> None:
    async with Deadline(0.2, 10):
        time.sleep(0.4)  # noqa: ASYNC251  # our own slowness
        for _ in range(5):  # turns until an answer that is here has reached who waits for it
            await asyncio.sleep(0)


async def test_an_error_passes_and_so_does_what_comes_in_time() -> None:
    with pytest.raises(KeyError):
        async with Deadline(0.01, 1):
            raise KeyError
    async with Deadline(0.01, 1):
        await asyncio.sleep(0)
    await asyncio.sleep(0.03)  # nothing of it is left that could cancel
