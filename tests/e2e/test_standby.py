"""A second ingester takes over, and no client is sent a snapshot for it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bench.drill.law import hold
from bench.drill.process import Process
from bench.drill.world import World, world
from tests.client import PATIENCE


@pytest.fixture
async def followed() -> AsyncIterator[World]:
    """Riders who are never slow: a snapshot is no matter of a full buffer then."""
    async with world(7, STOPCAST_WRITE_BUFFER="1048576") as made:
        await hold(made)
        yield made


def received(world: World) -> list[tuple[int, int]]:
    return [(rider.streams, rider.snapshots) for rider in world.riders]


async def taken_over(world: World, owner: Process) -> Process:
    async with asyncio.timeout(PATIENCE):
        while (other := world.owner()) in (None, owner):  # noqa: ASYNC110  # Redis tells when asked
            await asyncio.sleep(0.05)
    assert other is not None
    return other


async def test_a_standby_goes_on_with_patches_after_a_kill(followed: World) -> None:
    before = received(followed)
    for _ in range(2):  # there and back: the killed one stands by then
        owner = followed.owner()
        assert owner is not None
        owner.kill()
        await taken_over(followed, owner)
        owner.start()
        followed.city.settle()
        await hold(followed)
    assert received(followed) == before


async def test_an_owner_that_wakes_up_too_late_is_fenced_off(followed: World) -> None:
    before = received(followed)
    owner = followed.owner()
    assert owner is not None
    followed.city.step()  # it may be anywhere between the poll and the last board
    owner.freeze()
    successor = await taken_over(followed, owner)
    followed.city.settle()
    await hold(followed)
    owner.thaw()
    followed.city.settle()
    await hold(followed)
    assert followed.owner() is successor
    owner.kill()  # what it has to say late is said
    await hold(followed)
    assert received(followed) == before
