"""The streams: `text/event-stream`, whose items OpenAPI describes since 3.2, and pictures."""

from gateway.api.events import transcript
from gateway.api.examples import BOARD, FEED, STOP_ID
from gateway.api.json_schema import ref
from gateway.api.operation import Answer, Json, Operation, parameter, query_parameters
from gateway.api.operations import Operations
from gateway.api.operations.stops import STOP_PARAMETER
from gateway.watch.ansi import unpainted
from gateway.watch.drawing import FeedTold, Size, draw
from gateway.watch.request import Terminal

TAG = "Streams"

_CURSOR = {"type": "string", "pattern": "^[0-9]*$"}
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
        "/v1/stops/{stop_id}/watch": {"get": _watch()},
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


def _watch() -> Operation:
    return Operation(
        name="watchStop",
        tag=TAG,
        summary="Watch one stop in a terminal",
        description="The board drawn over itself, in place and in colour, when it changes and with "
        "each heartbeat. For people: what it looks like is no contract.",
        parameters=[STOP_PARAMETER, *query_parameters(Terminal)],
        answers={
            200: Answer(
                description="Pictures for as long as both sides like. This is one, without its "
                "colours and the codes that lead the cursor.",
                media_type="text/plain",
                schema={"type": "string"},
                example=_picture(),
                headers=("Cache-Control",),
            )
        },
        problems=_PROBLEMS,
        scope="boards:read",
        example=f"/v1/stops/{STOP_ID}/watch?width=$COLUMNS&height=$LINES",
    )


def _picture() -> str:
    told = FeedTold(FEED["status"], FEED["timestamp"], FEED["now"])
    lines = map(unpainted, draw(BOARD, told, Size(64, 10)))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _stops(max_stops: int) -> Json:
    schema = {
        "type": "array",
        "items": {"type": "string", "pattern": STOP_PARAMETER["schema"]["pattern"]},
        "minItems": 1,
        "maxItems": max_stops,
    }
    told = parameter("query", "stop", "Stop ids, each as one `stop=`.", schema, [STOP_ID])
    return {**told, "required": True}
