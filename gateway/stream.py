"""The streams' responses: headers through ASGI, events straight to the transport.

sse-starlette's response brings headers and HEAD; its pump (four tasks and a queue per client) is
replaced by the Hub, which writes chunks that are ready for all clients at once (docs/decisions/).
"""

import asyncio
import time
from collections.abc import Sequence
from http import HTTPStatus

from sse_starlette.sse import EventSourceResponse
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway import cursor
from gateway.auth.access import Access
from gateway.auth.grant import TokenScope
from gateway.auth.rules import needed_scope
from gateway.coding import GZIP, PLAIN, Coding
from gateway.hub import Hub
from gateway.limits.caller import Callers
from gateway.limits.limits import Limits
from gateway.missing import missing_board
from gateway.paths import StopRoute
from gateway.problems import Problem, unavailable
from gateway.stream_request import StreamRequest
from gateway.subscriber import Subscriber, jittered
from gateway.topic import State, Topic
from schemas import frames
from schemas.arrivals import StopId
from schemas.events import GoodbyeReason
from schemas.live import LiveStore, LiveStoreError

# The key in scope["extensions"] under which gateway/protocol.py puts the connection's transport.
TRANSPORT = "stopcast.transport"
# What of a request's scope nobody reads once it was admitted. Ten entries stay: a dictionary of more
# takes 0.2 kB more.
_READ = {
    "asgi",
    "endpoint",
    "extensions",
    "headers",
    "path_params",
    "root_path",
    "scheme",
    "server",
    "state",
}


class NotNowError(Exception):
    """A stream cannot be served for a passing reason: a goodbye, or a problem.

    `retry`: seconds after which the client may come back, if that is longer than usual.
    """

    def __init__(self, reason: GoodbyeReason, problem: Problem, retry: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.problem = problem
        self.retry = retry


class _Place:
    """What a stream holds until its end, however it ends."""

    __slots__ = ("callers", "topics")

    def __init__(self) -> None:
        self.callers = Callers()
        self.topics: Sequence[Topic] = ()


class BoardStream:
    """The ASGI application of the stream routes.

    What a connection keeps alive is the memory per stream, so it gets no response of its own: there
    is one for each coding.
    """

    asked: type[StreamRequest] = StreamRequest

    def __init__(
        self,
        hub: Hub,
        live: LiveStore,
        access: Access,
        limits: Limits,
        needed: TokenScope | None,
    ) -> None:
        self.responses = {coding: _response(coding) for coding in (PLAIN, GZIP)}
        self.hub = hub
        self.live = live
        self.access = access
        self.limits = limits
        self.needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = _Place()
        try:
            subscriber = await self._admitted(place, scope, receive, send)
            if subscriber is not None:
                await self._stream(subscriber, receive)
        finally:
            self.hub.release(place.topics)
            self.limits.leave(place.callers)

    async def _admitted(
        self, place: _Place, scope: Scope, receive: Receive, send: Send
    ) -> Subscriber | None:
        """A stream whose answer has begun; None: it had another answer, or needs none any more."""
        request = await self._read(scope)
        transport = scope.get("extensions", {}).get(TRANSPORT)
        if transport is None:
            raise Problem(501, "no_transport", "Streams need Stopcast's server: stopcast gateway.")
        try:
            self._admit(scope)
            place.callers = await self._authorize(scope, request)
            place.topics = self.hub.hold(map(str, request.stops))
            await self._enter()
            await self._find(request.stops, place.topics)
            self._admit(scope)  # again: time has passed
        except NotNowError as refusal:
            await self._refuse(refusal, request, scope, receive, send)
            return None
        if transport.is_closing():  # it did not want to wait; its end is on the way
            await _disconnected(receive)
            return None
        response = self.responses[request.coding]
        if scope["method"] == "HEAD":
            await response(scope, receive, send)
            return None
        await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
        subscriber = self._opened(request, place.topics, transport, send)
        subscriber.expires = scope["grant"].expires if "grant" in scope else 0
        return subscriber

    async def _read(self, scope: Scope) -> StreamRequest:
        """Raise what is wrong with the request only after it was counted."""
        try:
            return self.asked.of(scope, self.hub.settings)
        except Problem:
            await self.limits.request(scope)
            raise

    async def _count(self, scope: Scope) -> Callers:
        """Those whom the stream is counted for; HEAD is a request and no stream."""
        try:
            if scope["method"] != "HEAD":
                return await self.limits.stream(scope)
            await self.limits.request(scope)
        except Problem as problem:
            raise _over(problem) from None
        return ()

    async def _authorize(self, scope: Scope, request: StreamRequest) -> Callers:
        """See gateway/auth/access.py; count it, and forget what is not needed any more.

        A browser's headers are 2 kB, a token 1 kB, and the scope lasts as long as the stream.
        """
        try:
            await self.access.admit(scope, self.needed, request.stops, in_query=True)
        except Problem as problem:
            if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise _over(problem) from None
            await self.limits.request(scope)  # of its address
            if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
                crowded = problem.code == "overloaded"
                raise NotNowError("overloaded" if crowded else "unavailable", problem) from None
            raise
        callers = await self._count(scope)
        kept = {name: value for name, value in scope.items() if name not in _READ}
        scope.clear()  # in place: it is the server's
        scope.update(kept, query_string=b"")
        return callers

    def _admit(self, scope: Scope) -> None:
        if scope["app"].state.closing:  # not before: a load balancer takes its time to notice
            raise NotNowError(
                "draining", unavailable("draining", "This gateway is being replaced.")
            )
        if len(self.hub.subscribers) >= self.hub.settings.max_streams:
            raise NotNowError(
                "overloaded", unavailable("overloaded", "This gateway has no room for a stream.")
            )

    async def _enter(self) -> None:
        try:
            await self.hub.door.enter()
        except TimeoutError:
            raise NotNowError(
                "overloaded", unavailable("overloaded", "Too many streams begin at this moment.")
            ) from None

    async def _find(self, stops: Sequence[StopId], topics: Sequence[Topic]) -> None:
        """Wait until it is known what exists.

        Raises:
            Problem: 404, there is no such stop (of several: none of them exists).
            NotNowError: Redis or the feed's boards are not there yet.
        """
        known = self.hub.feeds.know(stop.feed_id for stop in stops)
        if known and all(topic.state is State.LIVE for topic in topics):
            return
        try:
            async with asyncio.timeout(self.hub.settings.start_timeout):
                if not known:
                    await self.hub.feeds.poll()
                for topic in topics:
                    await topic.known.wait()
                problems = [
                    await missing_board(self.live, self.hub.feeds.states, stop)
                    for stop, topic in zip(stops, topics, strict=True)
                    if topic.state is State.GONE
                ]
        except (TimeoutError, LiveStoreError):
            problem = unavailable("live_store_unavailable", "The live boards cannot be reached.")
            raise NotNowError("unavailable", problem) from None
        for problem in problems:
            if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise NotNowError("unavailable", problem)
        if len(problems) == len(topics):
            raise problems[0]

    async def _refuse(
        self,
        refusal: NotNowError,
        request: StreamRequest,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        if not request.by_event_source:
            raise refusal.problem
        self.hub.counts.goodbyes[refusal.reason] += 1
        goodbye = frames.goodbye(refusal.reason, self.hub.retry_ms(at_least=refusal.retry))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "close"}
        headers |= {
            name: value
            for name, value in refusal.problem.headers.items()
            if name.startswith("RateLimit")
        }
        response = Response(goodbye, 200, headers, "text/event-stream")
        await response(scope, receive, send)

    def _opened(
        self,
        request: StreamRequest,
        topics: Sequence[Topic],
        transport: asyncio.Transport,
        send: Send,
    ) -> Subscriber:
        feeds = tuple(sorted({stop.feed_id for stop in request.stops}))
        transport.get_protocol().forget_parser()  # type: ignore[attr-defined]  # gateway/protocol.py
        transport.set_write_buffer_limits(high=self.hub.settings.write_buffer)
        subscriber = self._subscriber(request, topics, feeds, transport, send)
        if lifetime := self.hub.settings.stream_lifetime:
            subscriber.deadline = asyncio.get_running_loop().time() + jittered(lifetime, 0.2)
        subscriber.lacks = self._lacking(request.cursor, feeds, topics)
        return subscriber

    async def _stream(self, subscriber: Subscriber, receive: Receive) -> None:
        """For as long as the client wants. Each local here, and each coroutine, is memory."""
        self.hub.add(subscriber)
        try:
            await subscriber.begin()
            while (await receive())["type"] != "http.disconnect":
                pass  # as in _disconnected
        finally:
            self.hub.remove(subscriber)

    def _subscriber(
        self,
        request: StreamRequest,
        topics: Sequence[Topic],
        feeds: tuple[str, ...],
        transport: asyncio.Transport,
        send: Send,
    ) -> Subscriber:
        return Subscriber(self.hub, topics, feeds, transport, send, coding=request.coding)

    def _lacking(
        self, text: str | None, feeds: Sequence[str], topics: Sequence[Topic]
    ) -> set[Topic]:
        """The topics that the client's cursor does not cover; `gone` is said every time.

        They come whole, base and tail, though Redis and we may have the patches since: a client
        that was cut while it was brought an older base holds less than its cursor says.
        """
        resumes = self.hub.counts.resumes
        if text is None:
            resumes["fresh"] += 1
            return set(topics)
        held = cursor.parse(text, time.time_ns() // 1000, self.hub.feeds.lineages(feeds))
        if held is None:
            resumes["void"] += 1
            return set(topics)
        alone = len(topics) == 1
        lacking = {
            topic
            for topic in topics
            if topic.state is State.GONE or not cursor.covers(held, topic.version, alone=alone)
        }
        resumes["snapshots" if lacking else "current"] += 1
        return lacking


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the request's body, which nobody needs


def _over(problem: Problem) -> NotNowError:
    return NotNowError("rate_limited", problem, float(problem.headers["Retry-After"]))


def _response(coding: Coding) -> EventSourceResponse:
    headers = {"Vary": "Accept-Encoding"}
    if coding is not PLAIN:
        headers["Content-Encoding"] = coding.name
    return EventSourceResponse(content=iter(()), headers=headers)


def stream_routes(hub: Hub, live: LiveStore, access: Access, limits: Limits) -> list[Route]:
    """`/v1/stops/{stop_id}/stream` and `/v1/stream`."""
    kinds = {"/v1/stops/{stop_id:stop}/stream": StopRoute, "/v1/stream": Route}
    return [
        kind(path, BoardStream(hub, live, access, limits, needed_scope(path)), methods=["GET"])
        for path, kind in kinds.items()
    ]
