"""`GET /v1/stops/{stop_id}/watch`: a board that redraws itself, for `curl -N`."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.auth.access import Access
from gateway.auth.rules import needed_scope
from gateway.coding import PLAIN
from gateway.hub import Hub
from gateway.limits.caller import Callers
from gateway.limits.limits import Limits
from gateway.paths import StopRoute
from gateway.problems import unavailable
from gateway.stream import BoardStream, NotNowError
from gateway.stream_request import StreamRequest
from gateway.subscriber import Subscriber
from gateway.topic import Topic
from gateway.watch.request import WatchRequest
from gateway.watch.watcher import Watcher
from schemas.live import LiveStore

# One address may have a tenth of all: pictures cost more than events, and places are few.
SHARE = 10
# The key in the scope under which a place is noted.
WATCHER = "stopcast.watcher"


class BoardWatch(BoardStream):
    """A stream like the others, but of pictures, for a few terminals at a time."""

    asked = WatchRequest

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.responses = {PLAIN: EventSourceResponse(iter(()), media_type="text/plain")}
        self._watchers: Counter[str] = Counter()  # by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if WATCHER in scope:
                self._watchers[scope[WATCHER]] -= 1
                self._watchers += Counter()  # forgets who has none

    async def _count(self, scope: Scope) -> Callers:
        """Its token was found good by now: who has none takes no place."""
        address = self.limits.address(scope)
        if full := self._full(address):
            await self.limits.request(scope)
            raise NotNowError("overloaded", unavailable("overloaded", full))
        self._watchers[address] += 1
        scope[WATCHER] = address
        return await super()._count(scope)

    def _full(self, address: str) -> str | None:
        """What is said to one more from there; None: there is room."""
        most = self.hub.settings.max_watchers
        if self._watchers.total() >= most:
            return "This gateway draws for no more terminals."
        if self._watchers[address] >= max(1, most // SHARE):
            return "This gateway draws for no more terminals of your network address."
        return None

    def _subscriber(
        self,
        request: StreamRequest,
        topics: Sequence[Topic],
        feeds: tuple[str, ...],
        transport: asyncio.Transport,
        send: Send,
    ) -> Subscriber:
        assert isinstance(request, WatchRequest)  # noqa: S101  # `asked`
        return Watcher(self.hub, topics, feeds, transport, send, coding=PLAIN, size=request.size)


def watch_routes(hub: Hub, live: LiveStore, access: Access, limits: Limits) -> list[Route]:
    """`/v1/stops/{stop_id}/watch`."""
    path = "/v1/stops/{stop_id:stop}/watch"
    watch = BoardWatch(hub, live, access, limits, needed_scope(path))
    return [StopRoute(path, watch, methods=["GET"])]
