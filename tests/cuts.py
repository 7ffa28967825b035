"""A bad network: a proxy on loopback that cuts connections anywhere, or lets nobody through."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class BadNetwork:
    """Between clients and the gateway at `target`; `bytes_each` bounds what a connection brings."""

    def __init__(self, target: int, seed: int = 0) -> None:
        self.target = target
        self.port = 0
        self.up = True
        self.bytes_each: int | None = None
        self.connections = 0
        self._random = random.Random(seed)  # noqa: S311  # where to cut
        self._open: set[asyncio.StreamWriter] = set()

    def down(self) -> None:
        """Cut what is open, and let nobody through until `up` is set."""
        self.up = False
        self.cut()

    def cut(self) -> None:
        for writer in [*self._open]:
            writer.transport.abort()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if self.up:
                await self._connect(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gateway_reader, gateway_writer = await asyncio.open_connection("127.0.0.1", self.target)
        left = self._random.randrange(self.bytes_each) if self.bytes_each else None
        ways = [
            asyncio.create_task(_forward(reader, gateway_writer, None)),
            asyncio.create_task(_forward(gateway_reader, writer, left)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            gateway_writer.transport.abort()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(min(65536, left or 65536)):
            writer.write(data)
            await writer.drain()
            if left is not None and (left := left - len(data)) <= 0:
                return


@asynccontextmanager
async def bad_network(target: int, seed: int = 0) -> AsyncIterator[BadNetwork]:
    network = BadNetwork(target, seed)
    server = await asyncio.start_server(network.take, "127.0.0.1", 0)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        network.down()
