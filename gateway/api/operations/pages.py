"""What people look at, and this document."""

from dataclasses import replace

from gateway.api.operation import Answer, Operation, parameter
from gateway.api.operations import Operations

TAG = "Pages"

_CACHED = ("ETag", "Cache-Control")


def _file(name: str, path: str, media_type: str, summary: str, description: str) -> Operation:
    """One that is the same for everybody, until the next release."""
    answers = {
        200: Answer(
            description=summary + ".",
            media_type=media_type,
            schema={"type": "object" if media_type == "application/json" else "string"},
            headers=_CACHED,
        ),
        304: Answer(description="It is the one that you have.", media_type=None, headers=_CACHED),
    }
    return Operation(
        name=name,
        tag=TAG,
        summary=summary,
        description=description,
        answers=answers,
        limited=False,
        example=path,
    )


OPERATIONS: Operations = {
    "/": {
        "get": _file(
            "getPage",
            "/",
            "text/html",
            "The page for riders",
            "Find a stop, and watch its board.",
        )
    },
    "/status": {
        "get": _file(
            "getStatusPage",
            "/status",
            "text/html",
            "The state of the feeds and the gateway",
            "For whoever wonders whether it is the feed.",
        )
    },
    "/static/{path}": {
        "get": replace(
            _file(
                "getStatic",
                "/static/stopcast/stopcast.js",
                "text/javascript",
                "What the pages load",
                "Scripts, styles and the client module, each by its own media type.",
            ),
            parameters=[
                parameter("path", "path", "May have slashes.", {"type": "string"}, "page.js")
            ],
            problems=("not_found",),
        )
    },
    "/openapi.json": {
        "get": _file(
            "getDocument",
            "/openapi.json",
            "application/json",
            "This document",
            "OpenAPI 3.2 with a JSON Schema for every event and answer.",
        )
    },
    "/docs": {
        "get": _file(
            "getReference",
            "/docs",
            "text/html",
            "This document, to be read",
            "Plain HTML and one style sheet: nothing comes from anywhere else, and no script runs.",
        )
    },
    "/docs/style.css": {
        "get": _file(
            "getReferenceStyle",
            "/docs/style.css",
            "text/css",
            "How it looks",
            "The style sheet of `/docs`.",
        )
    },
}
