"""A client of the streams for tests: raw sockets, and the three lines of WIRE.

Reads HTTP/1.1 chunks and Server-Sent Events byte by byte where asked, so that a connection can be
cut anywhere. `boards` and `cursor` are all that a real client would keep.
"""

import asyncio
import socket
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from schemas.event_reader import Event, EventReader, fold

PATIENCE = 60.0  # seconds for a condition that must come true, however busy the machine is


def http_client(port: int, **options: Any) -> httpx.AsyncClient:
    """For plain requests to a port of this machine; as patient as all that waits here."""
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, **options)


class BoardClient:
    """Follows stops over the public stream."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.port = port
        self.receive_buffer = receive_buffer
        self.boards: dict[str, Any] = {}
        self.feeds: dict[str, Any] = {}
        self.cursor: str | None = None
        self._reset()

    def _reset(self) -> None:
        self.events: list[Event] = []  # of this connection
        self.status = 0
        self.headers: dict[str, str] = {}
        self.head = self.body = b""  # what of them was received
        self.retry: int | None = None
        self.ended = False  # the response is complete
        self.received = 0  # bytes
        self._raw = self._text = b""
        self._events = EventReader()
        self._gzip = zlib.decompressobj(wbits=31)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(
        self, *stops: str, resume: bool = True, headers: dict[str, str] | None = None
    ) -> int:
        """Open a stream, one stop by its own path, several by `/v1/stream`; the status."""
        if len(stops) == 1:
            target = f"/v1/stops/{quote(stops[0], safe=':')}/stream"
        else:
            target = f"/v1/stream?{urlencode([('stop', stop) for stop in stops])}"
        sent = {"Accept": "text/event-stream", **(headers or {})}
        if not resume:
            self.cursor = None  # what follows may be older than what it had (docs/protocol.md)
        if self.cursor is not None:
            sent["Last-Event-ID"] = self.cursor
        return await self.request(target, sent)

    async def request(self, target: str, headers: dict[str, str]) -> int:
        await self.cut()
        self._reset()
        sock = socket.socket()
        sock.setblocking(False)
        if self.receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        except OSError:
            sock.close()
            raise
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=4096)
        lines = [f"GET {target} HTTP/1.1", "Host: test", *(f"{k}: {v}" for k, v in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(PATIENCE):
            while not self.status:  # not a byte more than the head: a test may cut right after it
                await self.read(1)
        return self.status

    async def read_until(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> None:  # noqa: ASYNC109  # of a test
        """Read and apply events until `condition` holds."""
        async with asyncio.timeout(timeout):
            while not condition():
                await self.read(65536)

    async def agree(self, boards: Mapping[str, Any]) -> None:
        """Read until these are the boards."""
        await self.read_until(lambda: self.boards == boards)

    async def read(self, most: int) -> int:
        """Read up to so many bytes, and apply what is complete.

        Raises:
            ConnectionError: the server closed the connection.
        """
        assert self._reader is not None
        data = await self._reader.read(most)
        if not data:
            raise ConnectionResetError("closed by the server")
        self.received += len(data)
        self._raw += data
        self._take_head()
        self._take_chunks()
        self._take_events()
        return len(data)

    async def read_on(self) -> None:
        """Read what comes, for as long as the server keeps the connection open."""
        while True:
            await self.read(65536)

    async def settle(self, seconds: float = 0.2) -> None:
        """Read what comes until nothing came for a while."""
        try:
            while True:
                await asyncio.wait_for(self.read(65536), seconds)
        except TimeoutError:
            pass

    async def closed(self) -> None:
        """Wait until the server has closed the connection."""
        try:
            await self.read_until(lambda: False)
        except ConnectionError:
            return

    async def cut(self) -> None:
        """Break the connection where it stands; what was half received is lost."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = self._reader = None
            await asyncio.sleep(0)

    def named(self, *names: str) -> list[Event]:
        """The events of these names on this connection."""
        return [event for event in self.events if event.name in names]

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def versions(self) -> dict[str, int]:
        return {stop: board["version"] for stop, board in self.boards.items()}

    def _take_head(self) -> None:
        if self.status or b"\r\n\r\n" not in self._raw:
            return
        self.head, self._raw = self._raw.split(b"\r\n\r\n", 1)
        first, *lines = self.head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
        }

    def _take_chunks(self) -> None:
        if not self.status:
            return
        if self.headers.get("transfer-encoding") != "chunked":
            self.body += self._raw
            self._text += self._raw
            self._raw = b""
            self.ended = len(self.body) == int(self.headers.get("content-length", 0))
            return
        while b"\r\n" in self._raw:
            size, rest = self._raw.split(b"\r\n", 1)
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            assert rest[length : length + 2] == b"\r\n"
            self.body += rest[:length]
            self._text += rest[:length]
            self._raw = rest[length + 2 :]
            if length == 0:
                self.ended = True
                return

    def _take_events(self) -> None:
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return
        text, self._text = self._text, b""
        if self.headers.get("content-encoding") == "gzip":
            text = self._gzip.decompress(text)
        for event in self._events.feed(text):
            self.events.append(event)
            self._apply(event)
        self.retry = self._events.retry
        self.cursor = self._events.last_id or self.cursor

    def _apply(self, event: Event) -> None:
        fold(self.boards, event)
        data = event.data
        if event.name == "feed":
            self.feeds[data["feed_id"]] = data
        elif event.name == "heartbeat":
            self.feeds.update({feed: {"feed_id": feed, **f} for feed, f in data["feeds"].items()})
