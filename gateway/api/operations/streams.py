"""The streams: `text/event-stream`, whose items OpenAPI describes since 3.2."""

from gateway.api.events import transcript
from gateway.api.examples import STOP_ID
from gateway.api.json_schema import ref
from gateway.api.operation import Answer, Json, Operation, parameter
from gateway.api.operations import Operations
from gateway.api.operations.stops import STOP_PARAMETER

TAG = "Streams"

_CURSOR = {"type": "string"}  # digits, but any other text is answered as well
_RESUME = [
    parameter(
        "header",
        "Last-Event-ID",
        "The last `id` that was seen, to resume; an EventSource sends it by itself. A cursor that "
        "cannot be read gets snapshots, never an error.",
        _CURSOR,
        "1763680000123456",
    ),
    parameter(
        "query",
        "last_event_id",
        "The same, where no header can be set; the header wins.",
        _CURSOR,
        "1763680000123456",
    ),
]
_PROBLEMS = (
    *("unknown_stop", "unknown_feed", "stop_without_board", "malformed_parameter"),
    *("boards_not_ready", "live_store_unavailable", "draining", "overloaded"),
    *("http_version", "no_transport"),
)
_ANSWER = Answer(
    description="A `retry` at once, then events for as long as both sides like. A request whose "
    "`Accept` names `text/event-stream` gets 200 also where a stream cannot be served for a passing "
    "reason: a `retry` and a `goodbye`, because an EventSource gives up on any other status.",
    media_type="text/event-stream",
    content={
        "itemSchema": ref("StreamEvent"),
        "examples": {
            "begin": {"summary": "A stream that begins", "serializedValue": transcript()},
        },
    },
    headers=("Cache-Control", "Content-Encoding", "Vary"),
)


def stream_operations(max_stops: int) -> Operations:
    """One stop, or up to `max_stops` of them."""
    return {
        "/v1/stops/{stop_id}/stream": {"get": _one()},
        "/v1/stream": {"get": _several(max_stops)},
    }


def _one() -> Operation:
    return Operation(
        name="streamStop",
        tag=TAG,
        summary="Follow one stop",
        description="The board of a stop or station, and every change of it as it comes.",
        parameters=[STOP_PARAMETER, *_RESUME],
        answers={200: _ANSWER},
        problems=_PROBLEMS,
        scope="boards:read",
        example=f"/v1/stops/{STOP_ID}/stream",
    )


def _several(max_stops: int) -> Operation:
    return Operation(
        name="streamStops",
        tag=TAG,
        summary="Follow several stops",
        description="Several boards in one connection. A stop that does not exist is `gone`, unless "
        "none of them exists: 404. To change the set of stops, connect without a cursor.",
        parameters=[_stops(max_stops), *_RESUME],
        answers={200: _ANSWER},
        problems=_PROBLEMS,
        scope="boards:read",
        example=f"/v1/stream?stop={STOP_ID}&stop=demo:CIVC",
    )


def _stops(max_stops: int) -> Json:
    schema = {
        "type": "array",
        "items": {"type": "string", "pattern": STOP_PARAMETER["schema"]["pattern"]},
        "minItems": 1,
        "maxItems": max_stops,
    }
    told = parameter("query", "stop", "Stop ids, each as one `stop=`.", schema, [STOP_ID])
    return {**told, "required": True}
