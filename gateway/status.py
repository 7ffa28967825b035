"""`GET /v1/status`: the figures of this gateway that anybody may see; sums over its workers."""

from collections import Counter

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.json_answer import json_answer
from gateway.metrics import registry

# A member of the answer, and the sample that is summed up for it.
FIGURES = {
    "streams": "stopcast_gateway_streams",
    "stops": "stopcast_gateway_topics",
    "opened": "stopcast_gateway_streams_opened_total",
    "messages": "stopcast_gateway_messages_total",
    "deliveries": "stopcast_gateway_deliveries_total",
}


async def status(request: Request) -> Response:
    sums: Counter[str] = Counter()
    for family in (await registry(request.app.state)).collect():
        for sample in family.samples:
            sums[sample.name] += int(sample.value)
    body = {name: sums[sample] for name, sample in FIGURES.items()}
    return json_answer(body)


ROUTES: list[BaseRoute] = [Route("/v1/status", status)]
