"""Names every request (`X-Request-ID`), logs and counts its end; answers problems and other errors.

It stands around plain requests and streams alike, so it also puts to each answer what all have.
"""

import re
import time
from collections.abc import Collection
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.answer_headers import POLICY, AnswerHeaders, RawHeaders
from gateway.problems import Problem

log = structlog.get_logger()

# What may stand in a log line and a header unquoted; anything else is replaced by an id of ours.
_SANE = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}")


def request_id(given: str | None) -> str:
    """The client's own id where it is sane, else a new one."""
    return given if given is not None and _SANE.fullmatch(given) else uuid4().hex


class RequestLog:
    """Pure ASGI, one frame a request: a stream pays at its start and at its end only.

    Logs the path without the query string, which may carry tokens. `scope["error"]`, if an
    exception handler set it, is logged too. A status of 0: the client left before there was one.
    """

    def __init__(self, app: ASGIApp, headers: AnswerHeaders) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identifier = request_id(Headers(scope=scope).get("x-request-id"))
        scope["request_id"] = identifier
        common = self.headers.of(scope)  # now: a stream drops the headers of its request
        started = time.monotonic()
        status = 0

        async def named_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with(common, identifier, message.get("headers", ()))
            await send(message)

        try:
            await self.app(scope, receive, named_send)
        except ClientDisconnect:
            pass  # in the midst of a body: there is nobody to answer
        except Exception as error:
            if status:  # too late for an answer: uvicorn logs it and closes the connection
                raise
            if isinstance(error, Problem):
                problem = error
            else:
                log.exception("request_failed", request_id=identifier)
                problem = Problem(
                    500, "internal_error", "Something went wrong here; it was logged."
                )
            await problem.response(identifier)(scope, receive, named_send)
        finally:
            scope["app"].state.hub.counts.requests[status] += 1
            _log(scope, status, time.monotonic() - started)


def _with(
    common: RawHeaders, identifier: str, own: Collection[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    """What an answer says of itself stands; a `Vary` adds to another."""
    said = {name for name, _ in own} - {b"vary"}
    others = (header for header in (*common, POLICY) if header[0] not in said)
    return [*own, (b"x-request-id", identifier.encode()), *others]


def _log(scope: Scope, status: int, seconds: float) -> None:
    error = {"error": scope["error"]} if "error" in scope else {}
    log.info(
        "request",
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        status=status,
        seconds=round(seconds, 4),
        request_id=scope["request_id"],
        **error,
    )
