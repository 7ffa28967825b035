"""Why a stop has no board: it does not exist, or its feed is not ready yet."""

from collections.abc import Container

from gateway.problems import Problem, unavailable
from schemas.arrivals import StopId
from schemas.live import LiveStore


async def missing_board(live: LiveStore, known: Container[str], stop: StopId) -> Problem:
    """404 for what does not exist, 503 for what may come; `known`: feeds this gateway has seen.

    Only what Redis says now, in this order, proves an absence: it may have been emptied a moment
    ago, and the board may have been written since it was found missing.

    Raises:
        LiveStoreError: Redis is away.
    """
    told = await live.feeds()
    feed = told.get(stop.feed_id)
    if feed is None and told and stop.feed_id not in known:
        return Problem(404, "unknown_feed", f"There is no feed {stop.feed_id!r}.")
    if feed is None or not feed.complete or await live.versions([str(stop)]) != [None]:
        return unavailable(
            "boards_not_ready", f"The boards of feed {stop.feed_id!r} are not all there yet."
        )
    parent = await live.parent(stop.feed_id, stop.stop_id)
    if parent is not None:
        detail = f"{stop} is part of {StopId(stop.feed_id, parent)}: the board is there."
        return Problem(404, "stop_without_board", detail)
    return Problem(404, "unknown_stop", f"There is no stop {str(stop)!r}.")
