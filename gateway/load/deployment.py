"""The deployment that is looked at: its URL, its plain requests, and the way to a stream of it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
import orjson

from gateway.load.clock import Clock
from schemas.errors import StopcastError, reason

Answer = TypeVar("Answer", bound=asyncio.Protocol)


CONNECT_TIMEOUT = 10.0
_PAGE = 100  # stops of one answer
_PAGES = 10


class LoadError(StopcastError):
    """The deployment cannot be looked at: which request failed, and why."""


class Deployment:
    """One deployment; `async with`.

    Proxies of the environment are not used, because bare sockets would pass them by; certificates of
    the environment (SSL_CERT_FILE) are.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str], compressed: bool, clock: Clock
    ) -> None:
        self.url = _parsed(url)
        self.clock = clock
        self._tls = httpx.create_ssl_context() if self.url.scheme == "https" else None
        self._prefix = self.url.raw_path.decode().rstrip("/")
        self._coding = "gzip" if compressed else "identity"
        self._headers = {"User-Agent": "stopcast-load", **headers}
        self._plain = httpx.AsyncClient(
            base_url=self.url,
            headers={**self._headers, "Accept-Encoding": self._coding},
            verify=httpx.create_ssl_context(),
            trust_env=False,
            timeout=CONNECT_TIMEOUT,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._plain.aclose()

    async def stops(self, most: int) -> list[str]:
        """So many stops and platforms, spread evenly over the first thousand entries of its list.

        Raises:
            LoadError: it does not answer, or lists none.
        """
        found: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(_PAGES):
            page = self._body(await self._get("/v1/stops", {"limit": str(_PAGE), **cursor}))
            for stop in page["stops"]:
                found += [each["stop_id"] for each in (stop, *stop.get("platforms", ()))]
            if "next" not in page:
                break
            cursor = {"cursor": page["next"]}
        if not found:
            raise LoadError(f"{self.url} lists no stops: name some with --stop or --stops")
        count = min(most, len(found))
        return [found[index * len(found) // count] for index in range(count)]

    async def board(self, stop_id: str) -> Any:
        """The stop's board as it stands; None if there is no such stop.

        Raises:
            LoadError: it cannot be had.
        """
        answer = await self._get(f"/v1/stops/{quote(stop_id, safe=':')}/board")
        return None if answer.status_code == HTTPStatus.NOT_FOUND else self._body(answer)

    async def stream(
        self, stop_ids: Sequence[str], cursor: str | None, answer: Callable[[bytes], Answer]
    ) -> Answer:
        """Connect for a stream of these stops; `answer` makes the protocol that sends the request.

        Raises:
            TimeoutError: no connection in time.
            OSError: no connection.
        """
        if len(stop_ids) == 1:
            target = f"/v1/stops/{quote(stop_ids[0], safe=':')}/stream"
        else:
            target = f"/v1/stream?{urlencode([('stop', stop_id) for stop_id in stop_ids])}"
        headers = {
            "Host": self.url.netloc.decode(),
            "Accept": "text/event-stream",
            "Accept-Encoding": self._coding,
            **self._headers,
        }
        if cursor is not None:
            headers["Last-Event-ID"] = cursor
        lines = [f"GET {self._prefix}{target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        request = "\r\n".join([*lines, "", ""]).encode("latin-1")
        port = self.url.port or (80 if self._tls is None else 443)
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, protocol = await asyncio.get_running_loop().create_connection(
                lambda: answer(request), self.url.host, port, ssl=self._tls
            )
        return protocol

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        sent = time.time()
        try:
            answer = await self._plain.get(path, params=query)
        except httpx.HTTPError as error:
            raise LoadError(f"{self.url} cannot be reached: {reason(error)}") from error
        self.clock.answered(answer.headers.get("date", ""), sent, time.time())
        return answer

    def _body(self, answer: httpx.Response) -> Any:
        try:
            body = orjson.loads(answer.content)
        except ValueError:
            body = None
        if answer.is_success and isinstance(body, dict):
            return body
        told = f"{answer.request.url}: {answer.status_code} {answer.reason_phrase}"
        if answer.has_redirect_location:
            told += f": it is at {answer.headers['location']}"
        elif isinstance(body, dict) and "detail" in body:
            told += f": {body['detail']}"
        elif answer.is_success:
            told += ", but no JSON: is this a Stopcast gateway?"
        raise LoadError(told)


def _parsed(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise LoadError(f"{text!r} is no URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise LoadError(f"{text!r} is no URL of a deployment: expected http(s)://HOST[:PORT]")
    if url.userinfo:
        raise LoadError("a user and password in the URL would be shown: use --header")
    return url.copy_with(query=None, fragment=None)
