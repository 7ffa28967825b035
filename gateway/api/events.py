"""The events of a stream as OpenAPI 3.2 describes them: an object of `event`, `data`, `id`, `retry`.

See https://spec.openapis.org/oas/v3.2.0.html#special-considerations-for-server-sent-events.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.api import examples
from gateway.api.json_schema import Schema, patch_name, ref
from schemas import frames


class EventKind(NamedTuple):
    """An event by name: the schema of its data, whether it may have an id, when it comes."""

    name: str
    data: str
    numbered: bool
    when: str
    example: Mapping[str, Any]


EVENTS = (
    EventKind(
        "feed",
        "FeedNews",
        numbered=False,
        when="For each feed on connect and before every batch of snapshots, and when its status "
        "changes.",
        example=examples.FEED,
    ),
    EventKind(
        "snapshot",
        "Board",
        numbered=True,
        when="For each stop on connect, unless the stream resumes and the board has not changed; "
        "and whenever a patch would not do. In a batch only the last has an `id`.",
        example=examples.BOARD,
    ),
    EventKind(
        "patch",
        patch_name("Board"),
        numbered=True,
        when="A board changed. Apply it to the board of the same `stop_id` by RFC 7396.",
        example=examples.PATCH,
    ),
    EventKind(
        "gone",
        "Gone",
        numbered=False,
        when="A followed stop left the schedule, or is unknown in a stream of several.",
        example=examples.GONE,
    ),
    EventKind(
        "heartbeat",
        "Heartbeat",
        numbered=False,
        when="Every 15 seconds, busy or not. None for 40 seconds means a dead connection.",
        example=examples.HEARTBEAT,
    ),
    EventKind(
        "goodbye",
        "Goodbye",
        numbered=False,
        when="Before the server closes. A `retry` comes before it.",
        example=examples.GOODBYE,
    ),
)


def schema_name(kind: EventKind) -> str:
    """What the schema of the whole event is called."""
    return f"{kind.name.capitalize()}Event"


def event_schemas() -> dict[str, Schema]:
    """By name: each event, and `StreamEvent`, which is any of them."""
    made = {schema_name(kind): _schema(kind) for kind in EVENTS}
    made["StreamEvent"] = {
        "description": "One event of a stream. Ignore events whose name you do not know.",
        "oneOf": [ref(name) for name in made],
    }
    return made


def _schema(kind: EventKind) -> Schema:
    members: dict[str, Schema] = {
        "event": {"const": kind.name},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": ref(kind.data),
        },
    }
    if kind.numbered:
        members["id"] = {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "The cursor to resume from: send the last one as `Last-Event-ID`.",
        }
    return {
        "type": "object",
        "description": kind.when,
        "required": ["event", "data"],
        "properties": members,
    }


def transcript() -> str:
    """A stream that begins, as it is sent."""
    board, patch = examples.BOARD, examples.PATCH
    return b"".join(
        [
            frames.retry(2140),
            frames.event("feed", examples.FEED),
            frames.with_id(board["version"], frames.snapshot(board)),
            frames.with_id(patch["version"], frames.patch(patch)),
            frames.event("heartbeat", examples.HEARTBEAT),
        ]
    ).decode()
