"""A running gateway, a client of its plain requests, and the owner of feed `demo` behind it."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from schemas import frames
from schemas.stored_board import Publication
from tests.publisher import Publisher


@dataclass
class Served:
    """The publisher has told nothing yet."""

    app: Starlette
    client: httpx.AsyncClient
    publisher: Publisher

    async def publish(self, stop_id: str, version: int, **members: Any) -> dict[str, Any]:
        """Publish this very board; it is returned."""
        board = {"stop_id": stop_id, "version": version, **members}
        frame = frames.event("snapshot", board)
        publication = Publication(stop_id, None, version, frame, frame)
        await self.publisher.live.publish(self.publisher.lease, [publication])
        return board

    async def tell(self, **told: Any) -> None:
        """Tell a feed's state, and let the gateway see it at once."""
        await self.publisher.tell(**told)
        await self.app.state.feeds.poll()

    async def raw(self, path: str, *headers: str) -> tuple[int, bytes]:
        """Status and body of a request whose path is sent as it is."""
        url = self.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        lines = [f"GET {path} HTTP/1.1", "Host: test", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body
