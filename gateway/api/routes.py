"""`/openapi.json`, `/docs` and its style sheet: made once, when the gateway starts."""

from pathlib import Path

import orjson
from starlette.routing import BaseRoute, Route

from gateway.api.document import document
from gateway.api.reference import reference
from gateway.kept_file import KeptFile, digest

STYLE = (Path(__file__).parent / "style.css").read_bytes()

# A release may change them; to ask whether it did costs next to nothing.
_HEADERS = {"Cache-Control": "public, max-age=300"}
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def api_routes(max_stops: int) -> list[BaseRoute]:
    """The documents of a gateway whose streams follow up to `max_stops` stops."""
    told = document(max_stops)
    page_headers = {**_HEADERS, "Content-Security-Policy": _PAGE_POLICY}
    files = {
        "/openapi.json": (orjson.dumps(told), "application/json", _HEADERS),
        "/docs": (reference(told).encode(), "text/html", page_headers),
        "/docs/style.css": (STYLE, "text/css", _HEADERS),
    }
    return [
        Route(path, KeptFile(body, digest(body), media_type, headers).__call__)
        for path, (body, media_type, headers) in files.items()
    ]
