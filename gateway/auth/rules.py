"""Which scope each route needs. A route without a rule ends the start: nothing is open unasked."""

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin import came_to_admin_port
from gateway.auth.grant import TokenScope

# By path as the route has it; None: for everyone, and a token is not looked at.
RULES: dict[str, TokenScope | None] = {
    "/v1/stops/{stop_id:stop}/stream": TokenScope.BOARDS,
    "/v1/stream": TokenScope.BOARDS,
    "/v1/stops/{stop_id:stop}/watch": TokenScope.BOARDS,
    "/v1/stops/{stop_id:stop}/board": TokenScope.BOARDS,
    "/v1/stops": TokenScope.BOARDS,
    "/v1/stops/{stop_id:stop}": TokenScope.BOARDS,
    "/v1/feeds": TokenScope.FEEDS,
    "/v1/feeds/{feed_id}": TokenScope.FEEDS,
    "/v1/status": TokenScope.FEEDS,
    "/metrics": TokenScope.ADMIN,
    "/healthz": None,
    "/readyz": None,
    "/": None,
    "/openapi.json": None,
    "/docs": None,
    "/docs/style.css": None,
    "/status": None,
    "/static/{path:path}": None,
    "/v1/auth/{provider}": None,
    "/v1/auth/refresh": None,
    "/v1/auth/revoke": None,
    "/v1/account": None,  # asks for a token of ours itself, in open access too
    "/.well-known/jwks.json": None,
}


def needed_scope(path: str) -> TokenScope | None:
    """The rule of a route.

    Raises:
        LookupError: it has none.
    """
    if path not in RULES:
        raise LookupError(f"the route {path} has no rule in gateway/auth/rules.py")
    return RULES[path]


def guarded(route: BaseRoute) -> BaseRoute:
    """The route behind its rule. Streams ask by themselves: docs/decisions/0017."""
    needed = needed_scope(route.path)  # type: ignore[attr-defined]  # each of ours has one
    route.app = Guard(route.app, needed)  # type: ignore[attr-defined]  # and this
    return route


class Guard:
    """Stands before the application of one route."""

    def __init__(self, app: ASGIApp, needed: TokenScope | None) -> None:
        self.app = app
        self.needed = needed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stop = scope["path_params"].get("stop_id")
        access = scope["app"].state.access
        reached = self.needed is TokenScope.ADMIN and came_to_admin_port(scope)
        await access.admit(scope, None if reached else self.needed, [stop] if stop else [])
        await self.app(scope, receive, send)
