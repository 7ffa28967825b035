"""One answer to a request for a stream, as it comes in; HTTP/1.1 on a bare socket.

A thousand streams are read by one loop: so there is a parser in C and no task per connection.
"""

import asyncio
import time
import zlib
from collections.abc import Callable
from http import HTTPStatus

import httptools
import orjson

from gateway.load.tally import Tally
from schemas.event_reader import Event, EventReader

_LARGEST_REFUSAL = 64 * 1024  # bytes of a body that is no stream
_GZIP = 31  # zlib's wbits for gzip


class Connection(asyncio.Protocol):
    """Sends the request, and hands on events until the answer is `over`, which says why."""

    def __init__(
        self,
        request: bytes,
        reader: EventReader,
        tally: Tally,
        take: Callable[["Connection", Event], None],
    ) -> None:
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.reader = reader
        self.status = 0
        self.headers: dict[str, str] = {}
        self.asked = self.answered = 0.0  # POSIX: the request was sent, the answer's head came
        self.served = False  # its taker has taken an event
        self.heard = time.monotonic()
        self._request = request
        self._tally = tally
        self._take = take
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._inflate: Callable[[bytes], bytes] | None = None
        self._refusal = b""

    @property
    def streams(self) -> bool:
        """The answer is a stream."""
        kind = self.headers.get("content-type", "")
        return self.status == HTTPStatus.OK and kind.startswith("text/event-stream")

    @property
    def refusal(self) -> str:
        """Why there is no stream: the status and the problem's code (docs/protocol.md)."""
        try:
            code = orjson.loads(self._refusal)["code"]
        except (ValueError, LookupError, TypeError):
            code = self.headers.get("location") or self.headers.get("content-type", "")
        return f"{self.status} {code}".rstrip()

    def end(self, reason: str) -> None:
        """Break the connection where it stands."""
        if not self.over.done():
            self.over.set_result(reason)
        if self._transport is not None:
            self._transport.abort()

    # -- what the socket tells -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport
        self.asked = time.time()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        self._tally.bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, zlib.error, ValueError, LookupError, TypeError) as error:
            cause = error.__context__ or error  # the parser wraps what a callback raises
            self._tally.unreadable += 1
            self.end(f"unreadable: {type(cause).__name__}: {cause}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(f"broken: {exc}" if exc else "closed")

    # -- what the parser tells -------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.answered = time.time()
        self.status = self._parser.get_status_code()
        if self.headers.get("content-encoding") == "gzip":
            self._inflate = zlib.decompressobj(_GZIP).decompress

    def on_body(self, body: bytes) -> None:
        if self._inflate is not None:
            body = self._inflate(body)
        if not self.streams:
            self._refusal = (self._refusal + body)[:_LARGEST_REFUSAL]
            return
        self._tally.text_bytes += len(body)
        for event in self.reader.feed(body):
            self._take(self, event)

    def on_message_complete(self) -> None:
        self.end("closed")
