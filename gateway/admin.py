"""Where the admin routes (`/metrics`) are answered.

On a port of their own; without one, to the admin scope, or to this machine. Never, unasked, to the
open internet: docs/decisions/0024.
"""

from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.auth.grant import TokenScope
from gateway.problems import Problem

# By which most proxies tell that the other end is not on this machine, though they are.
_FORWARDED = {b"forwarded", b"via", b"x-forwarded-for"}


class Admin:
    """Stands before an admin route's endpoint."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _admin_port(scope) is not None and not came_to_admin_port(scope):
            raise Problem(404, "not_found", "Admin routes have a port of their own here.")
        if _admin_port(scope) is None and not (_is_admin(scope) or _is_local(scope)):
            raise Problem(
                403,
                "admin_only",
                "From elsewhere than this machine, this needs a token with scope admin, or a port "
                "of its own: STOPCAST_ADMIN_PORT.",
            )
        response = await self.endpoint(Request(scope, receive))
        await response(scope, receive, send)


def came_to_admin_port(scope: Scope) -> bool:
    """Who reaches it needs no token (docs/operations.md)."""
    port = _admin_port(scope)
    return port is not None and bool(scope["server"][1] == port)


def _admin_port(scope: Scope) -> int | None:
    port: int | None = scope["app"].state.settings.admin_port
    return port


def _is_admin(scope: Scope) -> bool:
    """Its token says so, and was found to be good (scope["grant"])."""
    return TokenScope.ADMIN in getattr(scope.get("grant"), "scopes", ())


def _is_local(scope: Scope) -> bool:
    """The connection's own end is on the loopback interface, so the other end is on this machine."""
    if not _FORWARDED.isdisjoint(name for name, _ in scope["headers"]):
        return False
    address = ip_address(scope["server"][0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_loopback
