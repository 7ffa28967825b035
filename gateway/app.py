"""The gateway as an ASGI application: what its parts share, its routes, its life.

`app.state` holds `settings`, `live` (LiveStore), `feeds` (FeedStates), `hub`, `boards`, `database`,
`stores`, `accounts` (None unless configured), `issuers`, `access`, `limits`, `answer_headers`,
`siblings` (None unless there are several workers), `gateway` (what
`/v1/status` calls it), `draining` (False until the server is told to stop) and `closing` (False until it closes its streams).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from typing import Any

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import boards, feed_reports, health, loop_delay, metrics, page, status, stops
from gateway.accounts import routes as account_routes
from gateway.accounts.accounts import Accounts
from gateway.answer_headers import AnswerHeaders, is_preflight
from gateway.api.routes import api_routes
from gateway.auth.access import Access
from gateway.auth.issuers import Issuers
from gateway.auth.rules import guarded
from gateway.board_reader import BoardReader
from gateway.database import Database
from gateway.door import Door
from gateway.feed_states import FeedStates
from gateway.hub import Hub
from gateway.limits.gate import Gate
from gateway.limits.limits import Limits
from gateway.problems import EXCEPTION_HANDLERS, Problem
from gateway.request_log import RequestLog
from gateway.request_spans import RequestSpans
from gateway.settings import GatewaySettings
from gateway.siblings import Siblings
from gateway.stores import Stores
from gateway.stream import stream_routes
from gateway.supervision import supervised
from gateway.watch.route import watch_routes
from schemas import tracing
from schemas.live import LiveStore
from schemas.tasks import end


class Gateway(Starlette):
    """Streams go past the middleware and the router.

    What stands between the server and a stream is kept for as long as it is open (a coroutine each,
    and more), and run once for each of a crowd that connects at once: docs/decisions/0017.
    """

    def __init__(
        self,
        streams: Sequence[Route],
        routes: Sequence[BaseRoute],
        headers: AnswerHeaders,
        **given: Any,
    ) -> None:
        super().__init__(routes=[*streams, *map(guarded, routes)], **given)
        self.router.redirect_slashes = False  # to where the Host header says, access_token and all
        self._streams = [(route, RequestLog(route.endpoint, headers)) for route in streams]
        self._preflight = RequestLog(headers.preflight, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        past = self._past_the_router(scope) if scope["type"] == "http" else None
        await (past or super().__call__)(scope, receive, send)

    def _past_the_router(self, scope: Scope) -> ASGIApp | None:
        if is_preflight(scope):
            scope["app"] = self
            return self._preflight
        return self._stream(scope)

    def _stream(self, scope: Scope) -> ASGIApp | None:
        for route, stream in self._streams:
            with suppress(Problem):  # a malformed stop id: said by the router
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found, app=self)
                    return stream
        return None


def create_app(settings: GatewaySettings, siblings: Siblings | None = None) -> Starlette:
    """The application; nothing is connected and no task runs before its lifespan starts."""
    live = LiveStore.connect(settings.redis_url.get_secret_value())
    feeds = FeedStates(live, settings)
    hub = Hub(settings, live, feeds)
    headers = AnswerHeaders(settings.cors_origins)
    database = Database(settings.database_url.get_secret_value())
    accounts = Accounts.configured(settings, database)
    issuers = Issuers(settings)
    limits = Limits(settings, live.shards)
    access = Access(
        [*issuers.verifiers, *([accounts.verifier] if accounts else [])],
        required=settings.access == "token",
        door=Door(settings.starts_per_turn, settings.start_timeout),
        refusals=hub.counts.token_refusals,
        recall=limits.recall,
    )
    app = Gateway(
        [
            *stream_routes(hub, live, access, limits),
            *watch_routes(hub, live, access, limits),
        ],
        [
            *boards.ROUTES,
            *stops.ROUTES,
            *feed_reports.ROUTES,
            *health.ROUTES,
            *metrics.ROUTES,
            *status.ROUTES,
            *page.ROUTES,
            *api_routes(settings.max_stops),
            *account_routes.ROUTES,
        ],
        headers,
        middleware=[
            *([Middleware(RequestSpans)] if tracing.active() else []),
            Middleware(RequestLog, headers),
            Middleware(Gate, limits=limits),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.live = live
    app.state.feeds = feeds
    app.state.hub = hub
    app.state.limits = limits
    app.state.boards = BoardReader(live)
    app.state.database = database
    app.state.stores = Stores(live, database)
    app.state.accounts = accounts
    app.state.issuers = issuers
    app.state.access = access
    app.state.siblings = siblings
    app.state.gateway = siblings.gateway if siblings else token_hex(8)
    app.state.answer_headers = headers
    app.state.draining = False
    app.state.closing = False
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
        "expiries": lambda: hub.expiries.run(hub),
        "limits": state.limits.ledger.run,
        "loop_delay": lambda: loop_delay.sample(hub.counts.loop_delay),
        "stores": state.stores.run,
    }
    if state.accounts and (consents := state.accounts.consents):
        work["consents"] = consents.run
    if siblings := state.siblings:
        work["siblings"] = lambda: siblings.answer(lambda: generate_latest(metrics.own(state)))
    tasks = [asyncio.create_task(supervised(name, run, hub.counts)) for name, run in work.items()]
    try:
        yield
    finally:
        await end(tasks)
        await state.issuers.close()
        if state.accounts:
            await state.accounts.close()
        await state.limits.ledger.close()
        await state.database.close()
        await state.live.close()
