"""BoardReader against a real Valkey: reads together, and only what changed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway import board_reader
from gateway.board_reader import BoardReader
from schemas.live import LiveStore, LiveStoreError
from schemas.stored_board import StoredBoard
from tests.publisher import Publisher


class Counting(LiveStore):
    """Remembers what was read."""

    def __init__(self, redis: object) -> None:
        super().__init__(redis)  # type: ignore[arg-type]  # as its parent is given
        self.compared: list[list[str]] = []
        self.fetched: list[str] = []

    async def versions(self, stop_ids: Sequence[str]) -> list[int | None]:
        self.compared.append(list(stop_ids))
        return await super().versions(stop_ids)

    async def boards(self, stop_ids: Sequence[str]) -> list[StoredBoard | None]:
        self.fetched += stop_ids
        return await super().boards(stop_ids)


@pytest.fixture
async def live(valkey_url: str) -> AsyncIterator[Counting]:
    store = Counting.connect(valkey_url)
    assert isinstance(store, Counting)
    await store.redis.flushall()
    yield store
    await store.close()


async def test_what_many_ask_at_once_is_read_once(live: Counting) -> None:
    demo = await Publisher.own(live)
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    reader = BoardReader(live)
    found = await asyncio.gather(*(reader.read(stop) for stop in (a, b, a, a, "demo:none")))
    assert [board.board() if board else None for board in found] == [
        demo.boards[a], demo.boards[b], demo.boards[a], demo.boards[a], None
    ]  # fmt: skip
    assert live.compared == [[a, b, "demo:none"]]


async def test_a_board_that_stands_is_not_read_again_and_a_new_one_is_seen_at_once(
    live: Counting,
) -> None:
    demo = await Publisher.own(live)
    a = demo.stop("a")
    reader = BoardReader(live)
    for number in range(1, 5):
        await demo.publish(a)
        for _ in range(3):
            board = await reader.read(a)
            assert board is not None
            assert board.board() == demo.boards[a]
        assert live.fetched == [a] * number
    await demo.retire(a)
    assert await reader.read(a) is None


async def test_what_nobody_asks_for_is_not_kept(
    live: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_reader, "KEPT", 2)
    demo = await Publisher.own(live)
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops)
    reader = BoardReader(live)
    for stop in [*stops, stops[1], stops[0]]:
        await reader.read(stop)
    assert live.fetched == [*stops, stops[0]]


async def test_redis_away_is_told_to_all_who_ask_each_time() -> None:
    live = LiveStore.connect("redis://127.0.0.1:1")
    reader = BoardReader(live)
    for _ in range(2):
        failed = await asyncio.gather(*map(reader.read, "aab"), return_exceptions=True)
        assert {type(each) for each in failed} == {LiveStoreError}
    await live.close()
