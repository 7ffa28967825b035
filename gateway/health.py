"""`/healthz`: the process answers. `/readyz`: it can serve, so traffic may come."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.json_answer import json_answer
from gateway.problems import unavailable
from schemas.answers import Health
from schemas.live import LiveStore, LiveStoreError

# A load balancer asks every few seconds; what takes longer is as bad as no answer.
REDIS_TIMEOUT = 2.0


async def _reach(live: LiveStore) -> None:
    try:
        async with asyncio.timeout(REDIS_TIMEOUT):
            await live.server()
    except TimeoutError:
        raise LiveStoreError(f"Redis: no answer within {REDIS_TIMEOUT} s") from None


async def healthz(_: Request) -> Response:
    told: Health = {"status": "alive"}
    return json_answer(told)


async def readyz(request: Request) -> Response:
    state = request.app.state
    if state.draining:
        raise unavailable("draining", "This gateway is draining: it is about to be replaced.")
    await _reach(state.live)
    told: Health = {"status": "ready"}
    return json_answer(told)


ROUTES: list[BaseRoute] = [Route("/healthz", healthz), Route("/readyz", readyz)]
