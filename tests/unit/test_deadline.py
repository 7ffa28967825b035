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
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    async with Deadline(0.2, 10):
        time.sleep(0.4)  # noqa: ASYNC251  # our own slowness
        loop.call_soon(reader.feed_data, b"x")  # found by the next look at the sockets
        assert await reader.read(1) == b"x"


async def test_an_error_passes_and_so_does_what_comes_in_time() -> None:
    with pytest.raises(KeyError):
        async with Deadline(0.01, 1):
            raise KeyError
    async with Deadline(0.01, 1):
        await asyncio.sleep(0)
    await asyncio.sleep(0.03)  # nothing of it is left that could cancel
