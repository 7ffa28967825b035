"""An agency's server: answers what a test tells it to, with the time that it tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from feeds.sources.clock import CLOCK_HEADER, Reading


@dataclass
class Agency:
    """`body` and `status` of the next answers; `clock`, their board clock, stands still."""

    clock: float
    body: bytes = b""
    status: int = 200
    delay: float = 0.0
    polls: int = 0
    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)

    PATIENCE: ClassVar = 60.0

    async def answer(self, request: Request) -> Response:
        self.polls += 1
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.delay)
        told = {CLOCK_HEADER: Reading(self.clock, 0).header()}
        return Response(self.body, self.status, told)

    async def polled(self, times: int = 2) -> None:
        """Wait until it was asked so many times more: the last answer but one was taken in."""
        enough = self.polls + times
        async with asyncio.timeout(self.PATIENCE):
            while self.polls < enough:  # noqa: ASYNC110  # the server sets no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def served(agency: Agency) -> AsyncIterator[Agency]:
    """The agency on a free loopback port, `agency.url`."""
    app = Starlette(routes=[Route("/", agency.answer)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(Agency.PATIENCE):
        while not server.started:  # noqa: ASYNC110  # uvicorn sets no event
            await asyncio.sleep(0.01)
    agency.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    try:
        yield agency
    finally:
        server.should_exit = True
        await task
