"""Errors as clients see them: `application/problem+json` (RFC 9457).

`type` is always `about:blank`, so `title` is the status phrase; what programs branch on is `code`,
what people read is `detail`. Codes are listed in docs/protocol.md.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from schemas.answers import ProblemDetails
from schemas.database import DatabaseError
from schemas.errors import StopcastError
from schemas.live import LiveStoreError

# Seconds after which what is away for a passing reason is worth another try.
RETRY_AFTER = 5


class Problem(StopcastError):  # noqa: N818  # the word of RFC 9457
    """An answer other than the one asked for."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self, request_id: str) -> Response:
        body: ProblemDetails = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(orjson.dumps(body), self.status, headers, "application/problem+json")


def malformed(parameter: str, reason: str) -> Problem:
    """A parameter that cannot be read; both its name and the reason reach the client."""
    return Problem(422, "malformed_parameter", f"{parameter}: {reason}")


def unavailable(code: str, detail: str) -> Problem:
    """Not now, for a passing reason."""
    return Problem(503, code, detail, {"Retry-After": str(RETRY_AFTER)})


async def _of_problem(request: Request, error: Any) -> Response:
    response: Response = error.response(request.scope["request_id"])
    return response


async def _of_http_exception(request: Request, error: Any) -> Response:
    """What Starlette's router raises: an unknown path or method."""
    status = HTTPStatus(error.status_code)
    detail = f"{request.method} {request.scope['path']}: {status.description or status.phrase}"
    problem = Problem(status.value, status.name.lower(), detail, error.headers)
    return await _of_problem(request, problem)


# The texts of these errors name hosts: they belong into the log (gateway/request_log.py).


async def _of_live_store(request: Request, error: Any) -> Response:
    request.scope["error"] = str(error)
    problem = unavailable("live_store_unavailable", "Redis, which has the boards, is out of reach.")
    return await _of_problem(request, problem)


async def _of_database(request: Request, error: Any) -> Response:
    request.scope["error"] = str(error)
    detail = "Postgres is out of reach: no search, no accounts; boards and streams go on."
    return await _of_problem(request, unavailable("database_unavailable", detail))


EXCEPTION_HANDLERS: dict[Any, ExceptionHandler] = {
    HTTPException: _of_http_exception,
    LiveStoreError: _of_live_store,
    DatabaseError: _of_database,
}
