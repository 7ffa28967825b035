"""New streams come in, so many in a turn of the loop, in the order in which they came."""

import asyncio

import pytest

from gateway.door import Door


async def turn() -> None:
    """Let the loop turn once."""
    await asyncio.sleep(0)


async def test_a_crowd_comes_in_by_turns_and_in_order() -> None:
    door = Door(width=3, patience=60)
    inside: list[int] = []

    async def enter(number: int) -> None:
        await door.enter()
        inside.append(number)

    async with asyncio.TaskGroup() as crowd:
        for number in range(10):
            crowd.create_task(enter(number))
        seen = []
        while len(inside) < 10:
            before = len(inside)
            await turn()
            seen.append(len(inside) - before)
    assert max(seen) == 3
    assert inside == list(range(10))


async def test_who_comes_alone_does_not_wait() -> None:
    door = Door(width=1, patience=60)
    for _ in range(3):
        entering = door.enter()
        with pytest.raises(StopIteration):  # it ran to its end without the loop
            entering.send(None)
        await turn()


async def test_who_would_wait_too_long_is_refused_in_turn() -> None:
    door = Door(width=1, patience=-1)
    crowd = [asyncio.create_task(door.enter()) for _ in range(3)]
    await asyncio.wait(crowd)
    assert [isinstance(task.exception(), TimeoutError) for task in crowd] == [False, True, True]


async def test_who_left_takes_no_room() -> None:
    door = Door(width=1, patience=60)
    crowd = [asyncio.create_task(door.enter()) for _ in range(4)]
    await turn()
    crowd[1].cancel()
    crowd[2].cancel()
    async with asyncio.timeout(20):
        await crowd[3]


async def test_an_idle_door_leaves_the_loop_alone() -> None:
    door = Door(width=1, patience=60)
    await door.enter()
    for _ in range(3):
        await turn()
    assert not door._turning
