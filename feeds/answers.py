"""Answers of agencies' servers, which may be anybody's by now: where redirects lead, how much is taken.

SECURITY.md tells what these bounds are for.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from schemas.errors import StopcastError

MOST_REDIRECTS = 5
_PIECE = 1 << 20  # bytes unpacked at once: deflate packs a thousand to one


class AnswerError(StopcastError):
    """An answer that we do not take; `kind` names why for counting."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def http_client(timeout: httpx.Timeout) -> httpx.AsyncClient:
    """A client for any number of servers. It keeps no cookies, of which a server could send new ones for ever."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    headers = {"Accept-Encoding": "gzip"}
    return httpx.AsyncClient(http2=True, timeout=timeout, cookies=no_cookies, headers=headers)


@asynccontextmanager
async def answer(
    client: httpx.AsyncClient,
    url: str,
    *,
    keys: Mapping[str, str],
    conditions: Mapping[str, str],
    deadline: float,
) -> AsyncIterator[httpx.Response]:
    """The answer to a GET, its body still to be read, all within `deadline` seconds.

    A redirect leads to the same server, or to one that has a certificate for its name: so a server that
    has turned bad cannot have us ask what is inside of our own network. `keys` are headers for the
    server that was asked, and no other.

    Raises:
        AnswerError: a redirect that is not followed.
        TimeoutError: the deadline has passed.
        httpx.HTTPError, httpx.InvalidURL: as httpx does.
    """
    request = client.build_request("GET", url, headers={**keys, **conditions})
    async with asyncio.timeout(deadline):
        response = await _followed(client, request, keys)
        try:
            yield response
        finally:
            await response.aclose()


async def _followed(
    client: httpx.AsyncClient, request: httpx.Request, keys: Mapping[str, str]
) -> httpx.Response:
    asked = request.url
    for _ in range(MOST_REDIRECTS + 1):
        response = await client.send(request, stream=True)
        if response.next_request is None:
            return response
        await response.aclose()
        request = response.next_request
        if not _same_server(asked, request.url):
            if request.url.scheme != "https":
                raise AnswerError("redirected", "a redirect to another server that is not https")
            for name in ("Authorization", *keys):
                request.headers.pop(name, None)
    raise AnswerError("redirected", f"more than {MOST_REDIRECTS} redirects")


def _same_server(asked: httpx.URL, url: httpx.URL) -> bool:
    """Also if it is asked by https from now on."""
    same, upgraded = (asked.scheme, asked.port), ("https", None)
    return url.host == asked.host and (url.scheme, url.port) in (same, upgraded)


async def content(response: httpx.Response, largest: int) -> AsyncIterator[bytes]:
    """The body, unpacked piece by piece.

    Not httpx's own unpacking, which does as many layers of gzip as a header names: 3 kB become 2 GB in one step.

    Raises:
        AnswerError: more than `largest` bytes, or damaged, or packed more than once.
    """
    layers = response.headers.get("Content-Encoding", "").lower().split(",")
    packed = sum(layer.strip() in ("gzip", "x-gzip") for layer in layers)
    if packed > 1:
        raise AnswerError("too_large", "packed more than once")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: as gzip
    size = 0
    async for part in response.aiter_raw():
        for piece in _inflated(inflater, part) if packed else (part,):
            size += len(piece)
            if size > largest:
                raise AnswerError("too_large", f"more than {largest} bytes")
            yield piece


def _inflated(inflater: "zlib._Decompress", part: bytes) -> Iterator[bytes]:
    while part and not inflater.eof:  # what follows the end is nobody's
        try:
            yield inflater.decompress(part, _PIECE)
        except zlib.error as error:
            raise AnswerError("malformed", f"not gzip: {error}") from None
        part = inflater.unconsumed_tail
