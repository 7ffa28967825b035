import asyncio

from schemas.tasks import cancellable


async def library(entered: asyncio.Event) -> None:
    """Takes the cancellation for itself, as `asyncio.wait_for` of Python 3.11 does at times."""
    entered.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return


async def test_a_cancellation_that_a_library_takes_is_raised_nonetheless() -> None:
    entered = asyncio.Event()

    async def work() -> None:
        with cancellable():
            await library(entered)

    working = asyncio.create_task(work())
    await entered.wait()
    working.cancel()
    await asyncio.wait([working])
    assert working.cancelled()


async def test_who_was_cancelled_before_can_clean_up() -> None:
    cleaned = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with cancellable():
                await asyncio.sleep(0)
            cleaned.set()

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait([working])
    assert cleaned.is_set()
