"""What people look at, and this document."""

from gateway.api.operation import Answer, Operation
from gateway.api.operations import Operations

TAG = "Pages"

_CACHED = ("ETag", "Cache-Control")


def _file(
    name: str, path: str, media_type: str, summary: str, description: str, *, etag: bool = True
) -> Operation:
    """One that is the same for everybody, until the next release."""
    headers = _CACHED if etag else ("Cache-Control",)
    answers = {
        200: Answer(
            description=summary + ".",
            media_type=media_type,
            schema={"type": "object" if media_type == "application/json" else "string"},
            headers=headers,
        )
    }
    if etag:
        unchanged = "It is the one that you have."
        answers[304] = Answer(description=unchanged, media_type=None, headers=_CACHED)
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
            etag=False,
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
