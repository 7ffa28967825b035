"""The middleware that counts plain requests of `/v1` and tells each where it stands."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.limits.caller import Quota
from gateway.limits.limits import Limits
from gateway.problems import Problem

# Whatever else there is, health and metrics above all, is asked by those who run it.
COUNTED = "/v1/"


class Gate:
    """Stands inside RequestLog, which answers a refusal. Streams do not come by here."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(COUNTED):
            await self.app(scope, receive, send)
            return
        await _ask_for_grant(scope)
        quota = await self.limits.request(scope)
        if quota is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, _telling(quota, send))
        except Problem as problem:
            problem.headers |= quota.headers()
            raise


async def _ask_for_grant(scope: Scope) -> None:
    """Whose the token is counts, too. One that is not good is for the route to refuse.

    Raises:
        Problem: 429, it was not looked at.
    """
    try:
        grant = await scope["app"].state.access.grant(scope)
    except Problem as problem:
        if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise
        scope["token_problem"] = problem
    else:
        if grant is not None:
            scope["grant"] = grant


def _telling(quota: Quota, send: Send) -> Send:
    headers = [(name.lower().encode(), value.encode()) for name, value in quota.headers().items()]

    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers]
        await send(message)

    return telling
