"""From bytes to what changed: GTFS-Realtime messages, one poll after the other.

A FULL_DATASET message repeats everything, and mostly says nothing new. So it is split into the raw
bytes of its entities by walking the top-level wire format, and only entities whose bytes were not
in the previous message are parsed (bench/decode.py has the figures).
"""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader

from feeds.realtime.text import checked_twin
from schemas.errors import StopcastError

# protobuf wire types (https://protobuf.dev/programming-guides/encoding/)
_VARINT, _LENGTH, _FIXED = 0, 2, {1: 8, 5: 4}
_MORE, _BITS = 0x80, 0x7F  # a varint's byte: is there one more, and its share of the number
_HEADER_FIELD, _ENTITY_FIELD = 1, 2
_ENTITY_TAG = _ENTITY_FIELD << 3 | _LENGTH

_EXCERPT = 40
_CHECKED = checked_twin("FeedEntity")

Note = Callable[[str, str], None]
"""Counts what was wrong by kind, with an example (feeds/realtime/quality.py)."""


class DecodeError(StopcastError):
    """These bytes are no GTFS-Realtime message that can be used; `kind` names why for counting."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Message:
    """One poll: its header, all its raw entities, and how they differ from the poll before."""

    header: FeedHeader
    entities: tuple[bytes, ...]
    added: list[tuple[bytes, FeedEntity]]
    removed: frozenset[bytes]


def decode(data: bytes, known: tuple[bytes, ...], note: Note) -> Message:
    """Decode a message against the raw entities `known` from the previous one.

    An entity that cannot be parsed, or is marked deleted (SPEC rule 2), is noted and left out.

    Raises:
        DecodeError: not a protobuf message, truncated, without header, or DIFFERENTIAL.
    """
    header, entities = split(data)
    if entities == known:  # in the same order: ten times quicker to see than by sets
        return Message(header, known, [], frozenset())
    before = frozenset(known)
    new = (raw for raw in dict.fromkeys(entities) if raw not in before)
    added = [(raw, entity) for raw in new if (entity := _parse_entity(raw, note))]
    return Message(header, entities, added, before.difference(entities))


def split(data: bytes) -> tuple[FeedHeader, tuple[bytes, ...]]:
    """The parsed header and the raw bytes of each entity, in order.

    Raises:
        DecodeError: as `decode`.
    """
    if not data:
        raise DecodeError("empty", "the message is empty")
    try:
        header, entities = _walk(data)
    except (IndexError, ValueError):
        raise DecodeError("malformed", f"not a protobuf message: {_excerpt(data)}") from None
    if not header:
        raise DecodeError("malformed", f"no GTFS-Realtime header: {_excerpt(data)}")
    return _parse_header(header), tuple(entities)


def _walk(data: bytes) -> tuple[bytes, list[bytes]]:
    header = b""
    entities: list[bytes] = []
    append = entities.append
    at, end = 0, len(data)
    while at < end:
        # Nearly every field is an entity whose length takes two bytes: this branch is the cost of
        # an unchanged poll (bench/decode), `field` is what it would be in words.
        if data[at] == _ENTITY_TAG and data[at + 1] & _MORE and data[at + 2] < _MORE:
            start = at + 3
            at = start + (data[at + 1] & _BITS | data[at + 2] << 7)
            append(data[start:at])
        else:
            number, value, at = field(data, at)
            if number == _ENTITY_FIELD:
                append(value)
            elif number == _HEADER_FIELD:
                header += value  # as protobuf merges a repeated singular message
    if at > end:
        raise ValueError("truncated")
    return header, entities


def field(data: bytes, at: int) -> tuple[int, bytes, int]:
    """The field that begins at `at`: its number, its bytes (none of a number) and where it ends.

    Raises:
        IndexError, ValueError: the bytes end inside the field, or it has an unknown wire type.
    """
    tag, at = varint(data, at)
    kind = tag & 7
    if kind == _VARINT:
        return tag >> 3, b"", varint(data, at)[1]
    if kind == _LENGTH:
        size, at = varint(data, at)
    elif kind in _FIXED:
        size = _FIXED[kind]
    else:
        raise ValueError(f"wire type {kind}")
    if at + size > len(data):
        raise ValueError("truncated")
    return tag >> 3, data[at : at + size], at + size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends.

    Raises:
        IndexError, ValueError: the bytes end inside it, or it is longer than 64 bits.
    """
    value = shift = 0
    while shift <= 63:  # noqa: PLR2004  # ten bytes of seven bits
        byte = data[at]
        at += 1
        value |= (byte & _BITS) << shift
        if byte < _MORE:
            return value, at
        shift += 7
    raise ValueError("varint too long")


def _parse_header(raw: bytes) -> FeedHeader:
    try:
        header = FeedHeader.FromString(raw)
    except ProtobufError:
        raise DecodeError("malformed", f"malformed header: {_excerpt(raw)}") from None
    if header.incrementality == FeedHeader.DIFFERENTIAL:
        raise DecodeError("differential", "DIFFERENTIAL messages are not specified; refused")
    return header


def _parse_entity(raw: bytes, note: Note) -> FeedEntity | None:
    try:
        _CHECKED.FromString(raw)
        entity = FeedEntity.FromString(raw)
    except ProtobufError:
        note("entity_malformed", _excerpt(raw))
        return None
    if entity.is_deleted:
        note("entity_deleted", entity.id)
        return None
    return entity


def _excerpt(data: bytes) -> str:
    return repr(data[:_EXCERPT])[1:] + (" …" if len(data) > _EXCERPT else "")
