"""The gateway as an ASGI application: what its parts share, its routes, its life.

`app.state` holds `settings`, `live` (LiveStore), `feeds` (FeedStates), `hub`, `database` and
`draining` (False until the server is told to stop).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware

from gateway import boards, feed_reports, health, metrics, page, stops
from gateway.database import Database
from gateway.feed_states import FeedStates
from gateway.hub import Hub
from gateway.problems import EXCEPTION_HANDLERS
from gateway.request_log import RequestLog
from gateway.settings import GatewaySettings
from gateway.stream import stream_routes
from gateway.supervision import supervised
from schemas.live import LiveStore
from schemas.tasks import end


def create_app(settings: GatewaySettings) -> Starlette:
    """The application; nothing is connected and no task runs before its lifespan starts."""
    live = LiveStore.connect(settings.redis_url)
    feeds = FeedStates(live, settings)
    hub = Hub(settings, live, feeds)
    app = Starlette(
        routes=[
            *stream_routes(hub, live),
            *boards.ROUTES,
            *stops.ROUTES,
            *feed_reports.ROUTES,
            *health.ROUTES,
            *metrics.ROUTES,
            *page.ROUTES,
        ],
        middleware=[Middleware(RequestLog)],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.live = live
    app.state.feeds = feeds
    app.state.hub = hub
    app.state.database = Database(settings.database_url)
    app.state.draining = False
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    state = app.state
    hub: Hub = state.hub
    work: dict[str, Callable[[], Awaitable[None]]] = {
        "feeds": hub.feeds.run,
        "listener": lambda: hub.listener.run(hub),
        "fetcher": lambda: hub.fetcher.run(hub),
        "sweep": lambda: hub.fetcher.sweep(hub),
        "heartbeats": lambda: hub.wheel.run(hub),
    }
    tasks = [asyncio.create_task(supervised(name, run, hub.counts)) for name, run in work.items()]
    try:
        yield
    finally:
        await end(tasks)
        await state.database.close()
        await state.live.close()
