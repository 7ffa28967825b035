"""The OpenAPI document: 3.2, which is the first that can say what the items of a stream are."""

from typing import Any

from gateway.api.events import event_schemas
from gateway.api.json_schema import Schema, patch_schemas, schemas_of
from gateway.api.operation import Json, any_other
from gateway.api.operations import Operations, accounts, feeds, health, pages, stops, streams
from schemas import answers, events
from schemas.arrivals import Board

API_VERSION = "1"

_ABOUT = """
One live departure board per stop, made from GTFS and GTFS-Realtime, streamed over Server-Sent Events.

Times are POSIX seconds (UTC), integers. Enums are GTFS and GTFS-Realtime names in lower case. A member
that is absent is unknown or not applicable; `null` occurs only in a patch, where it removes. We only
ever add: ignore members and event names that you do not know.

Every `GET` can be a `HEAD`. Errors are `application/problem+json`; branch on `code`. Every answer
carries `X-Request-ID`: yours, if you sent one.
"""

_TAGS = {
    streams.TAG: """
A `snapshot` at once, then a `patch` whenever something changes. This is all that a client has to do;
after any sequence of drops, resumes and redeploys, once it is quiet, it holds the server's boards.

Reconnect with the last `id` as `Last-Event-ID`. What has not changed since is not sent again. With
`Accept-Encoding: gzip` the stream is compressed, and every event can be decoded as soon as it has come.
""",
    stops.TAG: "Finding stops, and single looks at their boards.",
    feeds.TAG: "How fresh the data is, and whose it is.",
    accounts.TAG: "Where the operator has turned them on; else every one of these is 404.",
    health.TAG: "For load balancers and monitors. Health is never limited and needs no token.",
    pages.TAG: "What people look at, and this document.",
}

_HEADERS = {
    "X-Request-ID": ("The request's id, also in the server's log.", {"type": "string"}),
    "ETag": ("Send it back as `If-None-Match`.", {"type": "string"}),
    "Cache-Control": ("How long the answer may be kept.", {"type": "string"}),
    "Content-Encoding": ("`gzip`, where it is accepted.", {"type": "string", "enum": ["gzip"]}),
    "Vary": ("What the answer depends on.", {"type": "string"}),
    "Retry-After": ("Seconds to wait.", {"type": "integer", "minimum": 0}),
    "RateLimit-Limit": ("Requests in a minute.", {"type": "integer", "minimum": 0}),
    "RateLimit-Remaining": ("What is left of them.", {"type": "integer", "minimum": 0}),
    "RateLimit-Reset": ("Seconds until all are there again.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": ("What is wrong with the token (RFC 6750).", {"type": "string"}),
}

_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`Authorization: Bearer …`, where the operator asks for tokens. Scopes: "
        "`boards:read`, `feeds:read`, `admin`.",
    },
    "access_token": {
        "type": "apiKey",
        "in": "query",
        "name": "access_token",
        "description": "The same token for an EventSource, which can set no header (RFC 6750).",
    },
}


def document(max_stops: int) -> Json:
    """As `/openapi.json` says it; `max_stops`: how many a stream may follow."""
    return {
        "openapi": "3.2.0",
        "info": {
            "title": "Stopcast",
            "version": API_VERSION,
            "summary": "Live departures of every stop, as a stream.",
            "description": _ABOUT.strip(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This one"}],
        "tags": [{"name": name, "description": text.strip()} for name, text in _TAGS.items()],
        "paths": {
            path: {method: operation.render() for method, operation in methods.items()}
            for path, methods in operations(max_stops).items()
        },
        "components": {
            "schemas": schemas(),
            "responses": {"AnyOther": any_other()},
            "headers": {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in _HEADERS.items()
            },
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def operations(max_stops: int) -> Operations:
    """All of them, in the order in which one would read about them."""
    return {
        **streams.stream_operations(max_stops),
        **stops.OPERATIONS,
        **feeds.OPERATIONS,
        **accounts.OPERATIONS,
        **health.OPERATIONS,
        **pages.OPERATIONS,
    }


def schemas() -> dict[str, Schema]:
    """By name: events, boards and their patches, answers."""
    types: tuple[Any, ...] = (
        *(Board, events.FeedNews, events.Heartbeat, events.Gone, events.Goodbye),
        *(answers.StopPage, answers.StopDetails, answers.FeedReport, answers.FeedList),
        *(answers.GatewayStatus, answers.AccountTokens, answers.KeySet, answers.Health),
        answers.ProblemDetails,
    )
    made = schemas_of(*types)
    patches = patch_schemas("Board", made, always=("stop_id", "version"))
    return {**event_schemas(), **made, **patches}
