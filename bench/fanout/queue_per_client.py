"""sse-starlette as its documentation suggests: an EventSourceResponse and a queue per client.

python -m bench.fanout.queue_per_client PORT
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Event = dict[str, str]

queues: dict[str, set[asyncio.Queue[Event]]] = defaultdict(set)
newest: dict[str, Event] = {}
version = 0


async def follow(request: Request) -> EventSourceResponse:
    topic: str = request.path_params["topic"]

    async def events() -> AsyncIterator[Event]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        queues[topic].add(queue)
        try:
            if topic in newest:
                yield newest[topic]
            while True:
                yield await queue.get()
        finally:
            queues[topic].discard(queue)

    return EventSourceResponse(events(), sep="\n")


async def publish(request: Request) -> Response:
    global version  # noqa: PLW0603  # one process, one loop
    version += 1
    topic = request.path_params["topic"]
    data = (await request.body()).decode()
    newest[topic] = event = {"id": str(version), "event": "patch", "data": data}
    for queue in queues[topic]:
        queue.put_nowait(event)
    return Response(None, 204)


app = Starlette(
    routes=[
        Route("/follow/{topic}", follow),
        Route("/publish/{topic}", publish, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        backlog=4096,
        timeout_keep_alive=3600,  # the publisher's connections
        log_level="warning",
        access_log=False,
    )
