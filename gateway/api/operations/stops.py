"""Stops, and their boards for whoever only wants to look once."""

from gateway.api import examples
from gateway.api.json_schema import ref
from gateway.api.operation import Answer, Operation, parameter, query_parameters
from gateway.api.operations import Operations
from gateway.stop_search import StopSearch

TAG = "Stops and boards"

STOP_PARAMETER = parameter(
    "path",
    "stop_id",
    "`<feed>:<GTFS stop_id>`, split at its first colon and percent-encoded: GTFS ids may contain "
    "a slash.",
    {"type": "string", "pattern": "^[^:\0]+:[^\0]+$"},
    examples.STOP_ID,
)

OPERATIONS: Operations = {
    "/v1/stops/{stop_id}/board": {
        "get": Operation(
            name="getBoard",
            tag=TAG,
            summary="The board of a stop",
            description="What a stream would begin with. Ask again with `If-None-Match`: while "
            "nothing has changed the answer is 304 and costs next to nothing.",
            parameters=[
                STOP_PARAMETER,
                parameter(
                    "header",
                    "If-None-Match",
                    "The `ETag` of the answer before.",
                    {"type": "string"},
                    f'"{examples.BOARD["version"]}"',
                ),
            ],
            answers={
                200: Answer(
                    description="The board as it is now.",
                    schema=ref("Board"),
                    example=examples.BOARD,
                    headers=("ETag", "Cache-Control", "Content-Encoding", "Vary"),
                ),
                304: Answer(
                    description="The board is the one that you have.",
                    media_type=None,
                    headers=("ETag", "Cache-Control", "Vary"),
                ),
            },
            problems=(
                *("unknown_stop", "unknown_feed", "stop_without_board", "malformed_parameter"),
                *("boards_not_ready", "live_store_unavailable"),
            ),
            scope="boards:read",
            example=f"/v1/stops/{examples.STOP_ID}/board",
        )
    },
    "/v1/stops": {
        "get": Operation(
            name="findStops",
            tag=TAG,
            summary="Find stops",
            description="By name or code with `q`, nearby with `lat` and `lon`, or both. Case, accents "
            "and punctuation do not matter, and a letter may be wrong. Only stops that have a board are "
            "found, a station together with its platforms. Without parameters: all of them, a page at a "
            "time.",
            parameters=query_parameters(StopSearch),
            answers={
                200: Answer(
                    description="The stops in order; `next` leads to more.",
                    schema=ref("StopPage"),
                    example=examples.STOPS,
                    headers=("Cache-Control",),
                )
            },
            problems=("malformed_parameter", "database_unavailable"),
            scope="boards:read",
            example="/v1/stops?lat=37.79&lon=-122.4&radius=500",
        )
    },
    "/v1/stops/{stop_id}": {
        "get": Operation(
            name="getStop",
            tag=TAG,
            summary="One stop with its routes",
            description="Out of the active schedule, entrances and boarding areas too; a station with its "
            "platforms.",
            parameters=[STOP_PARAMETER],
            answers={
                200: Answer(
                    description="The stop.",
                    schema=ref("StopDetails"),
                    example=examples.STOP,
                    headers=("Cache-Control",),
                )
            },
            problems=("unknown_stop", "malformed_parameter", "database_unavailable"),
            scope="boards:read",
            example=f"/v1/stops/{examples.STOP_ID}",
        )
    },
}
