"""`GET /v1/stops/{stop_id}/watch`: a board that redraws itself, for `curl -N`."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sse_starlette.sse import EventSourceResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.auth.access import Access
from gateway.auth.rules import needed_scope
from gateway.coding import PLAIN
from gateway.hub import Hub
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


class BoardWatch(BoardStream):
    """A stream like the others, but of pictures, for a few terminals at a time."""

    asked = WatchRequest

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.responses = {PLAIN: EventSourceResponse(iter(()), media_type="text/plain")}
        self._watchers = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._watchers += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watchers -= 1

    def _admit(self, scope: Scope) -> None:
        super()._admit(scope)
        if self._watchers > self.hub.settings.max_watchers:
            problem = unavailable("overloaded", "This gateway draws for no more terminals.")
            raise NotNowError("overloaded", problem)

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
