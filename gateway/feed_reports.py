"""`GET /v1/feeds` and `/v1/feeds/{feed_id}`: how every feed is, and whose data it is."""

import time
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.problems import Problem
from schemas.live import FeedState


def feed_report(feed: FeedState, wall: float) -> dict[str, Any]:
    """A feed for clients: the gateway's judgement of it, then all that its owner reported.

    `age` is that of its data, in seconds of the board clock; absent before there is any.
    """
    now = int(feed.board_clock(wall))
    age = {"age": max(0, now - feed.timestamp)} if feed.timestamp else {}
    return {
        "feed_id": feed.feed_id,
        "status": feed.status,
        "timestamp": feed.timestamp,
        "now": now,
        **age,
        "complete": feed.complete,
        **feed.report,
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), 200, {"Cache-Control": "no-store"}, "application/json")


async def feeds(request: Request) -> Response:
    wall, states = time.time(), request.app.state.feeds.states
    return _json({"feeds": [feed_report(states[feed_id], wall) for feed_id in sorted(states)]})


async def feed(request: Request) -> Response:
    feed_id = request.path_params["feed_id"]
    state = request.app.state.feeds.states.get(feed_id)
    if state is None:
        raise Problem(404, "unknown_feed", f"There is no feed {feed_id!r}.")
    return _json(feed_report(state, time.time()))


ROUTES: list[BaseRoute] = [Route("/v1/feeds", feeds), Route("/v1/feeds/{feed_id}", feed)]
