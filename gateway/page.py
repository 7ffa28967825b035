"""`/` and `/status`: the pages, and under `/static/` what they load; the client module is part of it.

Everything is read once and answered out of memory, so a path can lead nowhere else.
"""

import gzip
import hashlib
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.boards import etag_matches
from gateway.coding import GZIP, accepted

STATIC = Path(__file__).parent / "static"
# What a browser asks for. A text/plain of TypeScript can be looked at.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ts": "text/plain",
}
FILES = {
    str(path.relative_to(STATIC)): path.read_bytes()
    for path in sorted(STATIC.rglob("*"))
    if path.suffix in _TYPES
}
# One for all files: who has a page of this version has all of it, and a display that runs for
# months sees by the page's ETag alone that there is another.
VERSION = hashlib.sha256(repr(FILES).encode()).hexdigest()[:16]
_HEADERS = {
    # Asked for anew each time, which costs a 304: else a page could meet another release's script.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Vary": "Accept-Encoding",
}


def _answer(name: str, *, compressed: bool) -> Response:
    body, headers = FILES[name], {**_HEADERS, "ETag": f'"{VERSION}"'}
    if compressed:
        body = gzip.compress(body, mtime=0)
        headers |= {"Content-Encoding": GZIP.name, "ETag": f'"{VERSION}-gzip"'}
    return Response(body, 200, headers, _TYPES[Path(name).suffix])


_ANSWERS = {
    (name, compressed): _answer(name, compressed=compressed)
    for name in FILES
    for compressed in (False, True)
}


def _file(name: str, headers: Headers) -> Response:
    compressed = accepted(headers.get("accept-encoding", "")) is GZIP
    answer = _ANSWERS.get((name, compressed))
    if answer is None:
        raise HTTPException(404)
    etag = answer.headers["etag"]
    if etag_matches(headers.get("if-none-match", ""), etag):
        return Response(None, 304, {**_HEADERS, "ETag": etag})
    return answer


async def page(request: Request) -> Response:
    return _file("index.html", request.headers)


async def status_page(request: Request) -> Response:
    return _file("status.html", request.headers)


async def static(request: Request) -> Response:
    return _file(request.path_params["path"], request.headers)


ROUTES: list[BaseRoute] = [
    Route("/", page),
    Route("/status", status_page),
    Route("/static/{path:path}", static),
]
