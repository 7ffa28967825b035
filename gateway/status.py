"""`GET /v1/status`: the figures of this gateway that anybody may see; sums over its workers."""

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.json_answer import json_answer
from gateway.metrics import registry
from schemas.answers import GatewayStatus


async def status(request: Request) -> Response:
    sums: Counter[str] = Counter()
    for family in (await registry(request.app.state)).collect():
        for sample in family.samples:
            sums[sample.name] += int(sample.value)
    told: GatewayStatus = {
        "gateway": request.app.state.gateway,
        "streams": sums["stopcast_gateway_streams"],
        "stops": sums["stopcast_gateway_topics"],
        "opened": sums["stopcast_gateway_streams_opened_total"],
        "messages": sums["stopcast_gateway_messages_total"],
        "deliveries": sums["stopcast_gateway_deliveries_total"],
    }
    return json_answer(told)


ROUTES: list[BaseRoute] = [Route("/v1/status", status)]
