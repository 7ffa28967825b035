"""Every code of a problem, with its status and when it comes (docs/protocol.md, "Errors")."""

from http import HTTPStatus
from typing import NamedTuple


class ProblemCode(NamedTuple):
    """`everywhere`: what no single operation lists, because any request may get it."""

    status: int
    when: str
    everywhere: bool = False


CODES = {
    "unauthorized": ProblemCode(401, "A token is missing, or the one that was sent is not valid."),
    "forbidden": ProblemCode(403, "The token is valid and does not allow this."),
    "unknown_stop": ProblemCode(404, "There is no stop of that id."),
    "unknown_feed": ProblemCode(404, "There is no feed of that id."),
    "stop_without_board": ProblemCode(
        404, "An entrance, node or boarding area; the detail names the stop that has the board."
    ),
    "not_found": ProblemCode(404, "No such path.", everywhere=True),
    "method_not_allowed": ProblemCode(405, "Not by this method; see `Allow`.", everywhere=True),
    "malformed_parameter": ProblemCode(422, "The detail names the parameter and what is wrong."),
    "rate_limited": ProblemCode(429, "Too many requests, or too many streams, of yours."),
    "internal_error": ProblemCode(
        500, "Our fault; the log has it under the `request_id`.", everywhere=True
    ),
    "no_transport": ProblemCode(
        501, "A stream was asked for through another server than `stopcast gateway`."
    ),
    "boards_not_ready": ProblemCode(503, "The feed's boards are not all there yet."),
    "live_store_unavailable": ProblemCode(503, "Redis is out of reach."),
    "database_unavailable": ProblemCode(503, "Postgres is out of reach; streams go on."),
    "draining": ProblemCode(503, "This gateway is being replaced; another serves."),
    "overloaded": ProblemCode(503, "This gateway takes no more streams; another does."),
    "http_version": ProblemCode(
        505, "A stream was asked for by HTTP/1.0, mostly by a proxy that must be told otherwise."
    ),
}


def title(status: int) -> str:
    """The phrase of an HTTP status."""
    return HTTPStatus(status).phrase
