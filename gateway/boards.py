"""`GET /v1/stops/{stop_id}/board`: the board as its owner encoded it, with a validator."""

import gzip
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gateway.coding import GZIP, Coding
from gateway.kept_file import conditional
from gateway.missing import missing_board
from gateway.paths import StopRoute
from schemas.stored_board import StoredBoard

# Caches may keep a board but must ask before they use it: a 304 costs next to nothing.
_HEADERS = {"Cache-Control": "no-cache"}


@lru_cache(maxsize=512)  # busy boards are about 8 kB plain and 1 kB compressed
def _compressed(body: bytes) -> bytes:
    """Once per version, however many ask: a version is its bytes."""
    return gzip.compress(body, compresslevel=6, mtime=0)


@lru_cache(maxsize=512)
def _body(stored: StoredBoard) -> bytes:
    return stored.json()


async def board(request: Request) -> Response:
    stop, state = request.path_params["stop_id"], request.app.state
    stored = await state.boards.read(str(stop))
    if stored is None:
        raise await missing_board(state.live, state.feeds.states, stop)

    def coded(coding: Coding) -> bytes:
        return _compressed(_body(stored)) if coding is GZIP else _body(stored)

    return conditional(request, str(stored.version), _HEADERS, "application/json", coded)


ROUTES: list[BaseRoute] = [StopRoute("/v1/stops/{stop_id:stop}/board", board)]
