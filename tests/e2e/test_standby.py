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
    """Riders who are never slow: a snapshot is no matter of a full buffer, or of a pause, then."""
    async with world(7, STOPCAST_WRITE_BUFFER="1048576", STOPCAST_FROZEN_LIMIT="600") as made:
        await hold(made)
        yield made


def received(world: World) -> list[tuple[int, int]]:
    return [(rider.streams, rider.snapshots) for rider in world.riders]


async def owned(world: World, by_another_than: Process | None = None) -> Process:
    """Who owns the feed, as soon as one does."""
    async with asyncio.timeout(PATIENCE):
        while (owner := world.owner()) in (None, by_another_than):  # noqa: ASYNC110  # Redis tells when asked
            await asyncio.sleep(0.05)
    assert owner is not None
    return owner


async def told(process: Process, event: bytes, since: int) -> None:
    """Wait until its log has the event, from that byte on."""
    async with asyncio.timeout(PATIENCE):
        while event not in process.log.read_bytes()[since:]:  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(0.05)


async def test_a_standby_goes_on_with_patches_after_a_kill(followed: World) -> None:
    before = received(followed)
    for _ in range(2):  # there and back: the killed one stands by then
        owner = await owned(followed)
        owner.kill()
        await owned(followed, by_another_than=owner)
        owner.start()
        followed.city.settle()
        await hold(followed)
    assert received(followed) == before


async def test_an_owner_that_wakes_up_too_late_is_fenced_off(followed: World) -> None:
    before = received(followed)
    owner = await owned(followed)
    followed.city.step()  # it may be anywhere between the poll and the last board
    owner.freeze()
    log = owner.log.stat().st_size
    await owned(followed, by_another_than=owner)
    followed.city.settle()
    await hold(followed)
    owner.thaw()
    followed.city.settle()
    await hold(followed)
    await told(owner, b"feed_not_owned", since=log)
    owner.kill()  # what it has to say late is said
    await hold(followed)
    assert received(followed) == before
