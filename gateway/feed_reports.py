"""`GET /v1/feeds` and `/v1/feeds/{feed_id}`: how every feed is, and whose data it is."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.json_answer import json_answer
from gateway.problems import Problem
from schemas.answers import FeedList, FeedReport
from schemas.feed_state import FeedState


def feed_report(feed: FeedState, wall: float) -> FeedReport:
    """A feed for clients: the gateway's judgement of it, then all that its owner reported.

    `age` is that of its data, in seconds of the board clock; absent before there is any.
    """
    now = int(feed.board_clock(wall))
    told: FeedReport = {
        "feed_id": feed.feed_id,
        "status": feed.status,
        "timestamp": feed.timestamp,
        "now": now,
        "complete": feed.complete,
    }
    if feed.timestamp:
        told["age"] = max(0, now - feed.timestamp)
    reported: Any = feed.report  # JSON out of Redis
    told.update(reported)
    return told


async def feeds(request: Request) -> Response:
    wall, states = time.time(), request.app.state.feeds.states
    told: FeedList = {"feeds": [feed_report(states[feed_id], wall) for feed_id in sorted(states)]}
    return json_answer(told)


async def feed(request: Request) -> Response:
    feed_id = request.path_params["feed_id"]
    state = request.app.state.feeds.states.get(feed_id)
    if state is None:
        raise Problem(404, "unknown_feed", f"There is no feed {feed_id!r}.")
    return json_answer(feed_report(state, time.time()))


ROUTES: list[BaseRoute] = [Route("/v1/feeds", feeds), Route("/v1/feeds/{feed_id}", feed)]
