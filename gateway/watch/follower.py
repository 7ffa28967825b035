"""A client of the streams for one person: it keeps boards, comes back by itself, says how it is."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Self

import httpx
import orjson

from gateway.watch.drawing import FeedTold
from schemas.arrivals import Board
from schemas.errors import StopcastError, reason
from schemas.event_reader import PASSING, SILENCE, Event, EventReader, fold

_CONNECT = 10.0  # seconds
# Seconds: until the gateway names another delay, and what it grows to while nothing answers.
_RETRY, _LONGEST = 1.0, 30.0
CONNECTED = "connected"


class WatchError(StopcastError):
    """The boards cannot be had: what was asked for, and what the gateway said."""


class Follower:
    """Follows its stops; `changed` is set whenever there is something new to show."""

    def __init__(self, client: httpx.AsyncClient, stop_ids: Sequence[str]) -> None:
        self.stop_ids = list(dict.fromkeys(stop_ids))
        self.boards: dict[str, Board] = {}
        self.gone: set[str] = set()
        self.state = "connecting"
        self.changed = asyncio.Event()
        self.failures = 0  # tries since an event came
        self._waiting = False
        self._client = client
        self._feeds: dict[str, tuple[FeedTold, float]] = {}  # … and when it was told
        self._reader = EventReader()

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str, token: str | None, stop_ids: Sequence[str]) -> AsyncIterator[Self]:
        """With a client of its own.

        Raises:
            WatchError: `url` is none of a gateway.
        """
        try:
            client = httpx.AsyncClient(
                base_url=url.rstrip("/"),
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=httpx.Timeout(_CONNECT, read=SILENCE),
            )
        except httpx.InvalidURL as error:
            raise WatchError(f"{url!r} is no URL: {error}") from error
        if client.base_url.scheme not in {"http", "https"} or not client.base_url.host:
            raise WatchError(f"{url!r} is no URL of a gateway: expected http(s)://HOST[:PORT]")
        async with client:
            yield cls(client, stop_ids)

    @property
    def lost(self) -> bool:
        """The last try brought nothing, and the next has not begun."""
        return self.failures > 0 and self._waiting

    @property
    def complete(self) -> bool:
        """Of each stop there is a board, or the word that there is none."""
        return all(stop in self.boards or stop in self.gone for stop in self.stop_ids)

    def feed(self, stop_id: str) -> FeedTold:
        """As told last, its board clock moved on to this moment; `offline` while nobody tells."""
        known = self._feeds.get(stop_id.partition(":")[0])
        if known is None:
            return FeedTold("unknown", 0, time.time())
        told, at = known
        status = told.status if self.state == CONNECTED else "offline"
        return told._replace(status=status, now=told.now + time.monotonic() - at)

    async def run(self) -> None:
        """Follow for ever.

        Raises:
            WatchError: refused for good.
        """
        while True:
            reason = await self._connection()
            delay = self._delay()
            self._waiting = True
            self._say(f"again in {delay:.0f} s: {reason}")
            await asyncio.sleep(delay)
            self._waiting = False

    async def _connection(self) -> str:
        """One connection, from its beginning to its end; why it ended."""
        self._reader = self._reader.resumed()
        headers = {"Accept": "text/event-stream"}
        if self._reader.last_id is not None:
            headers["Last-Event-ID"] = self._reader.last_id
        query = {"stop": self.stop_ids}
        self.failures += 1
        try:
            async with self._client.stream(
                "GET", "/v1/stream", params=query, headers=headers
            ) as answer:
                await self._check(answer)
                return await self._read(answer)
        except httpx.ConnectError:
            return f"nothing answers at {self._client.base_url} (--url, STOPCAST_URL)"
        except httpx.ReadTimeout:
            return "the gateway is silent"
        except httpx.HTTPError as error:
            return f"no connection: {reason(error)}"
        except (ValueError, LookupError, TypeError):
            return "the answer cannot be read"

    async def _check(self, answer: httpx.Response) -> None:
        kind = answer.headers.get("content-type", "")
        if answer.status_code == HTTPStatus.OK and kind.startswith("text/event-stream"):
            return
        told = f"{answer.url.copy_with(query=None)}: {answer.status_code} {answer.reason_phrase}"
        if problem := _problem(await answer.aread()):
            told += f": {problem}"
        status = answer.status_code
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING:
            raise WatchError(told)
        raise httpx.HTTPError(told)

    async def _read(self, answer: httpx.Response) -> str:
        self._say(CONNECTED)
        async for data in answer.aiter_bytes():
            for event in self._reader.feed(data):
                if event.name == "goodbye":
                    return f"the gateway said goodbye ({event.data['reason']})"
                self._take(event)
        return "the connection was closed"

    def _take(self, event: Event) -> None:
        self.failures = 0
        fold(self.boards, event)
        if event.name == "gone":
            self.gone.add(event.data["stop_id"])
        elif event.name == "snapshot":
            self.gone.discard(event.data["stop_id"])
        elif event.name == "feed":
            self._tell(event.data["feed_id"], event.data)
        elif event.name == "heartbeat":
            for feed_id, told in event.data["feeds"].items():
                self._tell(feed_id, told)
        self.changed.set()

    def _tell(self, feed_id: str, told: dict[str, Any]) -> None:
        facts = FeedTold(str(told["status"]), int(told["timestamp"]), float(told["now"]))
        self._feeds[feed_id] = facts, time.monotonic()

    def _say(self, state: str) -> None:
        self.state = state
        self.changed.set()

    def _delay(self) -> float:
        """As the gateway said; longer, the oftener nothing came of it, and never all at once."""
        retry = _RETRY if self._reader.retry is None else self._reader.retry / 1000
        grown = min(_LONGEST, retry * 2.0 ** max(0, self.failures - 1))
        return max(retry, grown * random.uniform(0.5, 1))  # noqa: S311  # jitter


def _problem(body: bytes) -> str:
    """What a refusal says to people (docs/protocol.md)."""
    try:
        return str(orjson.loads(body)["detail"])
    except (ValueError, LookupError, TypeError):
        return ""
