"""A span for each plain request, where traces are asked for (schemas/tracing.py)."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.tracing import span

FAULTS = 500  # from this status on it is we who failed


class RequestSpans:
    """Pure ASGI, around RequestLog, which makes every error an answer. Streams go past it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        with span(method, {"http.request.method": method}, headers=Headers(scope=scope)) as request:

            async def noted_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    request.tell("http.response.status_code", status)
                    if status >= FAULTS:
                        request.fail(str(status))
                await send(message)

            try:
                await self.app(scope, receive, noted_send)
            finally:
                request.tell("stopcast.request_id", scope["request_id"])
                if route := scope.get("route"):  # by the router
                    request.rename(f"{method} {route.path_format}")
                    request.tell("http.route", route.path_format)
