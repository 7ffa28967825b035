"""What `stopcast up` prints once boards are there: the page, and a line to paste for a busy stop."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar
from urllib.parse import quote

import httpx

from schemas import shards
from schemas.arrivals import Board, effective_time
from schemas.live import LiveStore, LiveStoreError

SOON = 600  # seconds; "something is about to happen"
SAMPLE = 2000  # boards of a feed read at most: enough to find a busy stop, quick in a big city
BOARDS_PATIENCE = 300.0  # seconds; a big schedule takes a while to become boards
MESSAGE_PATIENCE = 60.0  # a source may be away, or slow to start on a busy machine
PREDICTION_PATIENCE = 20.0  # a feed may predict nothing now
Tokens = Literal["none", "by secret", "by issuer"]  # what the gateway asks for


@dataclass(frozen=True, slots=True, order=True)
class BusyStop:
    """A stop and how many predicted calls it has within `SOON`."""

    calls: int
    stop_id: str
    name: str


async def greet(url: str, redis_url: str, feed_ids: set[str], tokens: Tokens) -> str:
    """Wait until the gateway at `url` serves the boards of the feeds; the text to print."""
    live = LiveStore.connect(redis_url)
    stop = None
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(BOARDS_PATIENCE):
                await _until(lambda: _ready(url))
                await _until(lambda: _complete(live, feed_ids))
            with suppress(TimeoutError):
                async with asyncio.timeout(MESSAGE_PATIENCE):
                    await _until(lambda: _heard(live, feed_ids))
            async with asyncio.timeout(PREDICTION_PATIENCE):
                stop = await _until(lambda: busy_stop(live, feed_ids))
    finally:
        await live.close()
    return greeting(url, stop, tokens)


def greeting(url: str, stop: BusyStop | None, tokens: Tokens) -> str:
    """The text; it stands out in a log, and its lines can be pasted as they are."""
    if stop is None:
        return f"\n  The boards are at {url}/   (Ctrl-C ends everything)\n"
    page = f"{url}/?stop={quote(stop.stop_id, safe=':/')}"
    path = f"{url}/v1/stops/{quote(stop.stop_id, safe=':')}"
    how, lines = _open(page, path) if tokens == "none" else _with_token(page, path, tokens)
    indented = "".join(f"\n      {line}" for line in lines)
    return (
        f"\n  {stop.name} has {stop.calls} predicted calls within {SOON // 60} minutes. "
        f"Its board, live{how}:\n{indented}\n\n  Ctrl-C ends everything.\n"
    )


def _open(page: str, path: str) -> tuple[str, list[str]]:
    return "", [page, f"curl -N '{path}/stream'", f"curl -N '{path}/watch'"]


def _with_token(page: str, path: str, tokens: Tokens) -> tuple[str, list[str]]:
    """The page takes a token behind `#`, which no server sees."""
    curl = 'curl -N -H "Authorization: Bearer $TOKEN"'
    lines = [f"{curl} '{path}/stream'", f"{curl} '{path}/watch'"]
    lines.append(f'echo "{page}#access_token=$TOKEN"  # to open')
    if tokens == "by issuer":
        return ", once TOKEN is a token with the scope boards:read", lines
    make = "TOKEN=$(stopcast auth token --scope boards:read)"
    return ",\n  in a shell that has the STOPCAST_TOKEN_… variables of this one", [make, *lines]


def predicted_soon(board: Board, now: float) -> int:
    """How many calls of the board are predicted within `SOON` seconds from `now`."""
    times = (
        effective_time(arrival)
        for arrival in board["arrivals"].values()
        if arrival["status"] == "predicted"
    )
    return sum(moment is not None and now <= moment <= now + SOON for moment in times)


async def busy_stop(live: LiveStore, feed_ids: set[str]) -> BusyStop | None:
    """The stop with the most predicted calls among the first boards of these feeds.

    Raises:
        LiveStoreError: Redis is away.
    """
    feeds = await live.feeds()
    busy = []
    for feed_id in feed_ids & feeds.keys():
        now = feeds[feed_id].board_clock(time.time())
        stop_ids = [f"{feed_id}:{stop_id}" for stop_id in await live.stops(feed_id)]
        for stored in await live.boards(stop_ids[:SAMPLE]):
            board = stored and stored.board()
            if board and (calls := predicted_soon(board, now)):
                busy.append(BusyStop(calls, board["stop_id"], board["stop"].get("name", "")))
    return max(busy, default=None)


_Found = TypeVar("_Found")


async def _until(check: Callable[[], Awaitable[_Found | None]]) -> _Found:
    """What `check` finds, as soon as it finds something; an error means not yet."""
    while True:
        with suppress(httpx.HTTPError, LiveStoreError, *shards.ERRORS):
            if found := await check():
                return found
        await asyncio.sleep(0.2)


async def _ready(url: str) -> bool:
    async with httpx.AsyncClient() as gateway:
        return (await gateway.get(f"{url}/readyz")).is_success


async def _complete(live: LiveStore, feed_ids: set[str]) -> bool:
    feeds = await live.feeds()
    return all(feed_id in feeds and feeds[feed_id].complete for feed_id in feed_ids)


async def _heard(live: LiveStore, feed_ids: set[str]) -> bool:
    """Every endpoint of the feeds has given a message."""
    feeds = await live.feeds()
    endpoints = [each for feed_id in feed_ids for each in feeds[feed_id].report["endpoints"]]
    return all(endpoint["messages"] for endpoint in endpoints)
