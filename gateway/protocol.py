"""uvicorn's HTTP protocol as Stopcast needs it: the transport in the scope, less memory, and bounds.

It rests on internals of the pinned uvicorn: tests/integration/streams/test_server.py.
"""

import asyncio
from typing import Any
from uuid import uuid4

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.answer_headers import POLICY
from gateway.idle import Idle
from gateway.intake import Intake
from gateway.problems import Problem
from gateway.stream import TRANSPORT

log = structlog.get_logger()

# Bytes. RFC 9110, section 4.1, asks for 8,000 at least; 50 stops and a token are some 6,000.
MOST_URL = 8 * 1024
MOST_HEAD = 16 * 1024  # all header fields, as sent
MOST_BODY = 8 * 1024  # an identity token has 1,000
# Requests that wait behind the one that is answered: each takes some 5 kB, with all of it 32.
MOST_WAITING = 16
# Between the name of a field and its value, and behind that.
_FIELD_MARKS = len(": \r\n")
# Of a head that is not complete only chunks are counted, but for the first, in which there may be
# other requests: the method, the version and some room.
_MOST_UNREAD = MOST_URL + MOST_HEAD + 512

URL_TOO_LONG = Problem(414, "url_too_long", f"The URL has more than {MOST_URL} bytes.")
HEAD_TOO_LARGE = Problem(
    431, "headers_too_large", f"The header fields have more than {MOST_HEAD} bytes."
)
BODY_TOO_LARGE = Problem(413, "body_too_large", f"The body has more than {MOST_BODY} bytes.")
MALFORMED = Problem(400, "malformed_request", "This is no request of HTTP/1.1.")
TOO_MANY = Problem(
    429, "rate_limited", f"More than {MOST_WAITING} requests wait in one connection."
)

_NO_SCOPE = {"method": None}  # before the first byte


class Pipeline(list[Any]):
    """As much of a deque as uvicorn asks for."""

    def appendleft(self, item: Any) -> None:
        self.insert(0, item)


class StreamProtocol(HttpToolsProtocol):
    """Puts the connection's transport into the ASGI scope, bounds requests, and keeps less.

    An empty deque takes 0.7 kB, and uvicorn makes three: for pipelined requests, and in each of two
    asyncio.Events for those who wait. A list does the same. The parser takes 0.9 kB. Slots, since
    CPython shares the keys of an instance's dict up to 30, and uvicorn has 28.
    """

    __slots__ = ("_announced", "_extensions", "_idle", "_intake", "_refusal", "_size", "_unread")

    def __init__(self, intake: Intake, idle: Idle, **given: Any) -> None:
        super().__init__(**given)
        self._intake = intake
        self._idle = idle
        self._announced = 0  # Content-Length
        self._size = 0  # bytes of this request's header fields; then of its body and trailers
        self._unread = 0  # bytes of chunks in which its head neither began nor ended
        self._refusal: Problem | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.pipeline = Pipeline()  # type: ignore[assignment]
        _without_deque(self.flow._is_writable_event)  # noqa: SLF001  # see above
        self._extensions = {TRANSPORT: transport}
        now = self.loop.time()
        self._intake.begin(self, now)
        self._idle.rest(self)
        if len(self.connections) > self._idle.places:
            self._idle.make_room(now)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._intake.end(self)
        self._idle.wake(self)
        if isinstance(exc, TimeoutError):  # TCP_USER_TIMEOUT
            self._intake.counts.frozen += 1

    def data_received(self, data: bytes) -> None:
        if self.parser is None:
            return
        self._intake.begin(self, self.loop.time())
        before = self.scope
        super().data_received(data)
        if self.scope is before and self._in_head and self._refusal is None:
            self._unread += len(data)
            if self._unread > _MOST_UNREAD:
                self._refuse(HEAD_TOO_LARGE)

    def forget_parser(self) -> None:
        """For a stream: what its client sends from here on is of no interest."""
        self.parser = None  # type: ignore[assignment]
        self.url = b""  # may have a token in it …
        self.headers.clear()  # … as these; the scope has another list of them by now
        self.pipeline.clear()
        self._intake.end(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        another_began = self.cycle.scope is not self.scope or not self.cycle.response_complete
        if not (another_began or self.transport.is_closing()):
            self._idle.rest(self)

    @property
    def _in_head(self) -> bool:
        return "method" not in (self.scope or _NO_SCOPE)

    # -- what the parser calls; what is raised here comes to send_400_response ----------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._intake.begin(self, self.loop.time())
        self._idle.wake(self)
        self._announced = self._size = self._unread = 0
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # ours

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_URL:
            self._give_up(URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + _FIELD_MARKS
        if not self._in_head:  # a trailer: it counts as body, and is no header of the request
            self._bound_body(self._size)
            return
        if self._size > MOST_HEAD:
            self._give_up(HEAD_TOO_LARGE)
        if name.lower() == b"content-length":
            self._announced = int(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._bound_body(self._announced)  # not before: the answer depends on `Origin`
        if len(self.pipeline) == MOST_WAITING:  # uvicorn queues all that one read brings
            self._give_up(TOO_MANY)
        super().on_headers_complete()
        self._size = 0
        if self.cycle is not None:
            _without_deque(self.cycle.message_event)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._bound_body(self._size)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._intake.end(self)
        super().on_message_complete()

    def _bound_body(self, size: int) -> None:
        if size > MOST_BODY:
            self._give_up(BODY_TOO_LARGE)

    def _give_up(self, problem: Problem) -> None:
        self._refusal = problem
        raise problem

    # -- refusals ----------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's
        self._refuse(self._refusal or MALFORMED)

    def _refuse(self, problem: Problem) -> None:
        """Answer in the application's place, once: nothing more is read from this connection.

        Its end is left to the client, for as long as a request may take: closed at once, with
        bytes unread, it might be reset, and the answer lost on the way (RFC 9112, section 9.6).
        """
        self.parser = None  # type: ignore[assignment]
        self._refusal = problem
        identifier = uuid4().hex
        log.info("request_refused", status=problem.status, code=problem.code, request_id=identifier)
        self._intake.counts.requests[problem.status] += 1
        if not self._is_next_to_answer():
            self.transport.abort()
            return
        self.transport.write(self._answer(problem, identifier))
        if self._application_has_it:
            self.cycle.disconnected = True  # what it sends is dropped
            self.transport.close()  # a stream that is about to begin asks for this
        else:
            self.transport.write_eof()

    def _is_next_to_answer(self) -> bool:
        """Nothing else is due on this connection before the answer, or was sent as the answer."""
        if self._application_has_it:
            return not (self.pipeline or self.cycle.response_started)
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None before the first

    @property
    def _application_has_it(self) -> bool:
        """Its head is complete: it is asked already, or answers."""
        return self.cycle is not None and self.cycle.scope is self.scope  # type: ignore[redundant-expr]  # as above

    def _answer(self, problem: Problem, identifier: str) -> bytes:
        response = problem.response(identifier)
        headers = [
            *self.server_state.default_headers,
            *response.raw_headers,
            *self._intake.headers.of({"type": "http", "headers": self.headers or []}),
            POLICY,
            (b"x-request-id", identifier.encode()),
            (b"connection", b"close"),
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", bytes(response.body)])


def _without_deque(event: asyncio.Event) -> None:
    event._waiters = []  # type: ignore[assignment]  # noqa: SLF001  # nobody waits yet
