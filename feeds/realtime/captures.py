"""What an agency once answered, kept in a file: a FeedMessage in binary or JSON form."""

import re

from google.protobuf import json_format
from google.protobuf.message import DecodeError, EncodeError
from google.transit.gtfs_realtime_pb2 import FeedMessage

from schemas.errors import StopcastError

# A binary message also may begin with `\n{`: the tag of the header and a length of 123. In JSON the
# brace is followed by a member's name or by the end.
JSON_OBJECT = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*["}]')


class CaptureError(StopcastError):
    """A file is not a GTFS-Realtime message; the text names it and says why."""


def message_from_capture(data: bytes, name: str) -> bytes:
    """The binary FeedMessage of a capture, told from JSON by its content.

    Binary comes back byte for byte, extensions included. JSON may be in camelCase or snake_case,
    enums as names or numbers; members that GTFS-Realtime does not have are dropped.

    Raises:
        CaptureError: `name` and what is wrong with it.
    """
    if JSON_OBJECT.match(data):
        return parse_json(data, name).SerializeToString()
    parse_binary(data, name)
    return data


def capture_time(message: bytes) -> int:
    """The header's timestamp of a binary FeedMessage, POSIX seconds; 0 where it has none."""
    return FeedMessage.FromString(message).header.timestamp


def parse_json(data: bytes, name: str) -> FeedMessage:
    try:
        message = json_format.Parse(
            data.removeprefix(b"\xef\xbb\xbf"), FeedMessage(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise CaptureError(f"{name}: JSON, but not of a GTFS-Realtime message: {error}") from None
    return complete(message, name)


def parse_binary(data: bytes, name: str) -> FeedMessage:
    try:
        message = FeedMessage.FromString(data)
    except DecodeError as error:
        raise CaptureError(f"{name}: not a GTFS-Realtime message: {error}") from None
    return complete(message, name)


def complete(message: FeedMessage, name: str) -> FeedMessage:
    """Parsing lets pass what proto2 requires: the header's version, the id of each entity."""
    try:
        message.SerializeToString()
    except EncodeError as error:
        raise CaptureError(f"{name}: not a GTFS-Realtime message: {error}") from None
    return message
