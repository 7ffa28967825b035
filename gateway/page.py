"""`/` and `/status`: the pages, and under `/static/` what they load; the client module is part of it.

Everything is read once and answered out of memory, so a path can lead nowhere else.
"""

from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.kept_file import KeptFile, digest

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
VERSION = digest(repr(FILES).encode())
_HEADERS = {
    # Asked for anew each time, which costs a 304: else a page could meet another release's script.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_KEPT = {
    name: KeptFile(body, VERSION, _TYPES[Path(name).suffix], _HEADERS)
    for name, body in FILES.items()
}


async def page(request: Request) -> Response:
    answer = await _KEPT["index.html"](request)
    if names := _imported(request.query_params):
        answer.headers["Link"] = ", ".join(f"</static/{name}>; rel=modulepreload" for name in names)
    return answer


def _imported(query: QueryParams) -> tuple[str, ...]:
    """What the page's script imports for this address only: found by it alone, it would come a turn later."""
    if "stop" not in query:
        return ("search.js", "result.js")
    return ("wall.js",) if query.get("display") == "1" else ()


async def static(request: Request) -> Response:
    kept = _KEPT.get(request.path_params["path"])
    if kept is None:
        raise HTTPException(404)
    return await kept(request)


ROUTES: list[BaseRoute] = [
    Route("/", page),
    Route("/status", _KEPT["status.html"].__call__),
    Route("/static/{path:path}", static),
]
