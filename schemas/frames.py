"""Finished Server-Sent Events: what is published on Redis and what reaches a socket are the same bytes.

A frame carries no id, because whether an event may have one depends on the stream it is sent in (in
a batch of snapshots only the last has one); `with_id` puts the line before it.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.arrivals import Board
from schemas.events import Gone, Goodbye, GoodbyeReason

_EVENT = b"event: "
_DATA = b"\ndata: "
# JSON leaves these alone, but many line readers end a line there: Swift's `bytes.lines`, Python's
# `splitlines`.
_LINE_ENDS = [(end.encode(), b"\\u%04x" % ord(end)) for end in "\u0085\u2028\u2029"]


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """One event, UTF-8, LF line ends, its data as JSON on one line, for any reader of lines.

    By hand, since JSON needs none of the care that ServerSentEvent takes of line ends: it was half
    of what a poll's boards cost to encode (bench/ingest). A test holds the two together.
    """
    text = orjson.dumps(data)
    if not text.isascii():
        for end, escape in _LINE_ENDS:
            text = text.replace(end, escape)
    return b"event: %b\ndata: %b\n\n" % (name.encode(), text)


def snapshot(board: Board) -> bytes:
    """The whole board."""
    return event("snapshot", board)


def patch(merge_patch: Mapping[str, Any]) -> bytes:
    """An RFC 7396 patch, `stop_id` and `version` set, from a board's version to its next."""
    return event("patch", merge_patch)


def gone(stop_id: str) -> bytes:
    """The stop left the schedule, or never was in it."""
    told: Gone = {"stop_id": stop_id}
    return event("gone", told)


def goodbye(reason: GoodbyeReason, retry_ms: int) -> bytes:
    """The last event of a stream, with the delay after which the client may come back."""
    told: Goodbye = {"reason": reason}
    return retry(retry_ms) + event("goodbye", told)


def retry(milliseconds: int) -> bytes:
    """The reconnection delay, on its own (an event without data is not dispatched)."""
    return b"retry: %d\n\n" % milliseconds


def with_id(version: int, frame: bytes) -> bytes:
    """`frame` with its event id, the cursor that a client sends back to resume."""
    return b"id: %d\n%b" % (version, frame)


def name(frame: bytes) -> str:
    """The name of the event in a frame of one event."""
    return frame[len(_EVENT) : frame.find(b"\n")].decode()


def data(frame: bytes) -> bytes:
    """The JSON text inside a frame of one event."""
    return frame[frame.index(_DATA) + len(_DATA) : -2]
