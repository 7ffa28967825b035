"""What every answer carries besides its own headers: bounds for browsers, and who may read it (CORS).

Credentials are never allowed: a token is sent on purpose, so no cookie of ours could be borrowed.
"""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.auth.grant import TokenScope
from gateway.auth.rules import RULES

RawHeaders = tuple[tuple[bytes, bytes], ...]

ANY = "*"
# An answer that is opened as a document may load nothing; the pages say what they may.
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_SECURITY: RawHeaders = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),  # an address may hold an access_token
)
_EXPOSED = (
    b"access-control-expose-headers",
    b"ETag, X-Request-ID, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset",
)
_PREFLIGHT: RawHeaders = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-ID",
    ),
    (b"access-control-max-age", b"7200"),  # the most that Chromium keeps
)
# Admin routes are for scrapers: no page of anybody's may read what a browser on this machine can reach.
_ADMIN = frozenset(path for path, needed in RULES.items() if needed is TokenScope.ADMIN)


class AnswerHeaders:
    """Made once for each way in which an answer can be read, since a stream is an answer too."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """`origins`: those whose pages may read answers; `*`: all."""
        others = _SECURITY
        if ANY in origins:
            others = (*_SECURITY, *_readable_by(ANY))
            origins = ()
        elif origins:
            others = (*_SECURITY, (b"vary", b"Origin"))
        self._others = others
        self._of_origin = {origin: (*others, *_readable_by(origin)) for origin in origins}

    def of(self, scope: Scope) -> RawHeaders:
        if scope.get("path") in _ADMIN:
            return _SECURITY
        if not self._of_origin:
            return self._others
        return self._of_origin.get(Headers(scope=scope).get("origin", ""), self._others)

    async def preflight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What a browser asks first; whether it may is told by `of`, put to this answer too."""
        response = Response(None, 204)
        response.raw_headers.extend(_PREFLIGHT)
        await response(scope, receive, send)


def is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in Headers(scope=scope)


def _readable_by(origin: str) -> RawHeaders:
    return ((b"access-control-allow-origin", origin.encode()), _EXPOSED)
