"""`/openapi.json`, `/docs` and its style sheet: made once, when the gateway starts."""

import gzip
from hashlib import sha256
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.api.document import document
from gateway.api.reference import reference
from gateway.boards import etag_matches
from gateway.coding import GZIP, accepted

STYLE = (Path(__file__).parent / "style.css").read_bytes()

# A release may change them; to ask whether it did costs next to nothing.
_CACHE_CONTROL = "public, max-age=300"
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class _File:
    """An endpoint that answers the same bytes to everybody."""

    def __init__(self, body: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        self.body = body
        self.compressed = gzip.compress(body, mtime=0)
        self.media_type = media_type
        self.etag = f'"{sha256(body).hexdigest()[:16]}"'
        self.headers = {
            "ETag": self.etag,
            "Cache-Control": _CACHE_CONTROL,
            "Vary": "Accept-Encoding",
            **(headers or {}),
        }

    async def __call__(self, request: Request) -> Response:
        if etag_matches(request.headers.get("if-none-match", ""), self.etag):
            return Response(None, 304, self.headers)
        if accepted(request.headers.get("accept-encoding", "")) is GZIP:
            headers = {**self.headers, "Content-Encoding": GZIP.name}
            return Response(self.compressed, 200, headers, self.media_type)
        return Response(self.body, 200, self.headers, self.media_type)


def api_routes(max_stops: int) -> list[BaseRoute]:
    """The documents of a gateway whose streams follow up to `max_stops` stops."""
    told = document(max_stops)
    policy = {"Content-Security-Policy": _PAGE_POLICY}
    files = {
        "/openapi.json": _File(orjson.dumps(told), "application/json"),
        "/docs": _File(reference(told).encode(), "text/html", policy),
        "/docs/style.css": _File(STYLE, "text/css"),
    }
    return [Route(path, file.__call__) for path, file in files.items()]
