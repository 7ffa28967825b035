"""Fetching an endpoint's message over HTTP or from a file: conditional, bounded, never in a hurry."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import httpx

from feeds import answers
from feeds.config import Endpoint
from feeds.sources.clock import CLOCK_HEADER, Reading
from schemas import server_url
from schemas.errors import StopcastError, reason

LARGEST = 256 * 1024 * 1024  # bytes; the biggest feed known to us has 64 MB
TIMEOUT = httpx.Timeout(10, read=20)
DEADLINE = 120.0  # seconds for a whole message, however steadily it drips


class FetchError(StopcastError):
    """An endpoint gave no message; `kind` names why for counting."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Fetched(NamedTuple):
    """An answer. `data` is None where nothing is new; `clock` is the time that a replay tells."""

    data: bytes | None
    clock: Reading | None


def http_client() -> httpx.AsyncClient:
    """One client for all endpoints of a process: connections are kept and shared."""
    return answers.http_client(TIMEOUT)


class Fetcher:
    """Fetches one endpoint, telling it what we have already (ETag, Last-Modified, mtime)."""

    def __init__(
        self, endpoint: Endpoint, client: httpx.AsyncClient, deadline: float = DEADLINE
    ) -> None:
        self.endpoint = endpoint
        self._deadline = deadline
        self._client = client
        self._known: dict[str, str] = {}
        self._mtime = 0.0

    @property
    def shown(self) -> str:
        """The URL as it may be shown."""
        return server_url.bare(self.endpoint.url)

    def forget(self) -> None:
        """Ask for everything again next time."""
        self._known, self._mtime = {}, 0.0

    async def fetch(self) -> Fetched:
        """The message as it is now.

        Raises:
            FetchError: no answer that we take, or another status than 200 or 304.
        """
        if "://" not in self.endpoint.url:
            return await asyncio.to_thread(self._read, Path(self.endpoint.url))
        keys = {name: value.get_secret_value() for name, value in self.endpoint.headers.items()}
        asked = answers.answer(
            self._client,
            self.endpoint.url,
            keys=keys,
            conditions=self._known,
            deadline=self._deadline,
        )
        try:
            async with asked as response:
                return await self._take(response)
        except (httpx.TimeoutException, TimeoutError):
            raise FetchError("timeout", "no answer in time") from None
        except answers.AnswerError as error:
            raise FetchError(error.kind, str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise FetchError("unreachable", reason(error)) from None

    async def _take(self, response: httpx.Response) -> Fetched:
        clock = _clock(response)
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return Fetched(None, clock)
        if response.status_code != httpx.codes.OK:
            raise FetchError(f"http_{response.status_code}", f"status {response.status_code}")
        data = bytearray()
        async for piece in answers.content(response, LARGEST):
            data += piece
        given = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
        self._known = {
            ask: response.headers[tell] for ask, tell in given if tell in response.headers
        }
        return Fetched(bytes(data), clock)

    def _read(self, path: Path) -> Fetched:
        try:
            status = path.stat()
            if status.st_mtime == self._mtime:
                return Fetched(None, None)
            if status.st_size > LARGEST:
                raise FetchError("too_large", f"more than {LARGEST} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise FetchError("unreadable", str(error.strerror)) from None
        self._mtime = status.st_mtime
        return Fetched(data, None)


def _clock(response: httpx.Response) -> Reading | None:
    text = response.headers.get(CLOCK_HEADER)
    return Reading.from_header(text) if text else None
