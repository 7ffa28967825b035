"""`GET /v1/stops/{stop_id}/board`: the board as its owner encoded it, with a validator."""

import gzip
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gateway.coding import GZIP, accepted
from gateway.missing import missing_board
from gateway.paths import StopRoute
from schemas.live import StoredBoard

# Caches may keep a board but must ask before they use it: a 304 costs next to nothing.
CACHE_CONTROL = "no-cache"


@lru_cache(maxsize=512)  # busy boards are about 8 kB plain and 1 kB compressed
def _compressed(body: bytes) -> bytes:
    """Once per version, however many ask: a version is its bytes."""
    return gzip.compress(body, compresslevel=6, mtime=0)


@lru_cache(maxsize=512)
def _body(stored: StoredBoard) -> bytes:
    return stored.json()


def etag_matches(if_none_match: str, etag: str) -> bool:
    """RFC 9110, section 13.1.2: weak comparison with any tag of the list."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


async def board(request: Request) -> Response:
    stop, state = request.path_params["stop_id"], request.app.state
    stored = await state.boards.read(str(stop))
    if stored is None:
        raise await missing_board(state.live, state.feeds.states, stop)
    etag = f'"{stored.version}"'
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept-Encoding"}
    if etag_matches(request.headers.get("if-none-match", ""), etag):
        return Response(None, 304, headers)
    body = _body(stored)
    if accepted(request.headers.get("accept-encoding", "")) is GZIP:
        body = _compressed(body)
        headers["Content-Encoding"] = GZIP.name
    return Response(body, 200, headers, "application/json")


ROUTES: list[BaseRoute] = [StopRoute("/v1/stops/{stop_id:stop}/board", board)]
