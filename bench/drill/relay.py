"""A relay between one process and Redis, where the network can break."""

import asyncio
from collections.abc import Callable

LINGER = 1.0  # seconds


class _Link:
    """One connection through the relay. A `dead` one stays open and swallows what it is given."""

    def __init__(self, writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self.writers = writers
        self.dead = False
        self.listens = False  # it carried a subscription
        self.held = bytearray()  # on its way to Redis, and not let through yet
        self.released = asyncio.Event()

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Relay:
    """Hands bytes on between a loopback port of its own and `target()`, a port."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = 0
        self._target = target
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._swallows = False
        self._mark = b""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def open(self) -> None:
        """Listen, always on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse connections, and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in self._links:
            link.cut()

    def swallow(self) -> None:
        """All connections, and new ones, stay open and say nothing any more."""
        self._swallows = True
        for link in self._links:
            link.dead = True

    def restore(self) -> None:
        """New connections work again; those that were swallowed never do, as after a real loss."""
        self._swallows = False

    def deafen(self) -> int:
        """Swallow only the connections that listen to channels; how many."""
        listening = [link for link in self._links if link.listens]
        for link in listening:
            link.dead = True
        return len(listening)

    def hold(self, mark: bytes) -> None:
        """Whatever a connection sends to Redis from `mark` on is late: it arrives on `release`.

        An empty mark: what is late already stays so, and the rest of its connection.
        """
        self._mark = mark

    @property
    def holds(self) -> bool:
        return any(link.held for link in self._links)

    def release(self) -> None:
        """What is late arrives, even if its sender has gone; nothing is late any more."""
        self._mark = b""
        for link in self._links:
            if link.held:
                link.writers[1].write(bytes(link.held))
            link.held.clear()
            link.released.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            above, below = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        link = _Link((writer, below))
        link.dead = self._swallows
        self._links.add(link)
        try:
            await asyncio.gather(self._up(link, reader), self._down(link, above))
        finally:
            self._links.discard(link)

    async def _up(self, link: _Link, source: asyncio.StreamReader) -> None:
        sink = link.writers[1]
        try:
            while data := await source.read(65536):
                link.listens = link.listens or b"SSUBSCRIBE" in data
                if link.held or (self._mark and self._mark in data):
                    link.held += data
                elif not link.dead:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            if link.held:
                await link.released.wait()
                await asyncio.sleep(LINGER)  # a cut would overtake what was released
            link.cut()

    async def _down(self, link: _Link, source: asyncio.StreamReader) -> None:
        sink = link.writers[0]
        try:
            while data := await source.read(65536):
                if not link.dead and not sink.is_closing():
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            link.released.set()  # there is nobody to release it to
            link.cut()
