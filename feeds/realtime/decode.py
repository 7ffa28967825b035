"""From bytes to what changed: GTFS-Realtime messages, one poll after the other.

A FULL_DATASET message repeats everything, and mostly says nothing new. So it is split into the raw
bytes of its entities by walking the top-level wire format, and only entities whose bytes were not
in the previous message are parsed (bench/decode.py has the figures).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError as ProtobufError
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader, TripUpdate

from feeds.realtime.text import checked_twin
from schemas.errors import StopcastError

# protobuf wire types (https://protobuf.dev/programming-guides/encoding/)
_VARINT, _LENGTH, _GROUP, _GROUP_END, _FIXED = 0, 2, 3, 4, {1: 8, 5: 4}
_MORE, _BITS = 0x80, 0x7F  # a varint's byte: is there one more, and its share of the number
_KIND = 7  # a tag's bits for the wire type

# What a message may ask of us. A field of 2 bytes can become an object of 90, and a step of the walk;
# the biggest feed known to us, a country's, has 64 MB of some 30 bytes for each call.
MOST_FIELDS = 500_000  # entities, as many other fields beside them, or bytes within one group
LARGEST = 1 << 20  # bytes of the header or an entity; an alert about thousands of stops has a third
MOST_PARTS = 5_000_000  # calls, or whatever else entities repeat
SMALLEST_PART = 2  # bytes: a tag, and that it is empty

FUTURE = 300  # seconds that a feed's clock may be ahead of ours
_EXCERPT = 40
_CHECKED = checked_twin("FeedEntity")


def tag(number: int) -> int:
    """Begins a field of that number whose value has a length: a text, bytes or a message.

    A field of the same number and another wire type is another one, which protobuf does not know.
    """
    return number << 3 | _LENGTH


_HEADER, _ENTITY = tag(1), tag(2)
KINDS = ("trip_update", "vehicle", "alert", "trip_modifications", "shape", "stop")

Origin = tuple[int, bytes]
"""Where something is said: an endpoint, and the raw bytes of an entity."""

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

    An entity that cannot be parsed, is too large, is marked deleted (SPEC rule 2) or says nothing
    is noted and left out.

    Raises:
        DecodeError: not a protobuf message, truncated, without header, DIFFERENTIAL, or with more in
            it than any feed has.
    """
    header, entities = split(data)
    if entities == known:  # in the same order: ten times quicker to see than by sets
        return Message(header, known, [], frozenset())
    before = frozenset(known)
    new = (raw for raw in dict.fromkeys(entities) if raw not in before)
    parsed = _parsed(new, note)
    if len(data) > MOST_PARTS * SMALLEST_PART:
        parsed = _counted(parsed)
    return Message(header, entities, list(parsed), before.difference(entities))


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
    header = bytearray()  # quick to append to
    others = 0  # fields, and bytes of groups
    entities: list[bytes] = []
    append = entities.append
    at, end = 0, len(data)
    while at < end:
        # Nearly every field is an entity whose length takes two bytes: this branch is the cost of
        # an unchanged poll (bench/decode), `field` is what it would be in words.
        if data[at] == _ENTITY and data[at + 1] >= _MORE > data[at + 2] > 0:
            start = at + 3
            at = start + (data[at + 1] & _BITS | data[at + 2] << 7)
            append(data[start:at])
        else:
            start = at
            begun_by, value, at = field(data, at)
            others += at - start if begun_by & _KIND == _GROUP else 1
            if others > MOST_FIELDS:
                raise DecodeError("too_large", f"more than {MOST_FIELDS} fields")
            if begun_by == _ENTITY:
                append(value)
            elif begun_by == _HEADER:
                header += value  # as protobuf merges a repeated singular message
                if len(header) > LARGEST:
                    raise DecodeError("too_large", f"a header of more than {LARGEST} bytes")
    if at > end:
        raise ValueError("truncated")
    if len(entities) > MOST_FIELDS:
        raise DecodeError("too_large", f"{len(entities)} entities")
    return bytes(header), entities


def field(data: bytes, at: int) -> tuple[int, bytes, int]:
    """The field that begins at `at`: its tag, its bytes (if it has a length) and where it ends.

    Raises:
        IndexError, ValueError: the bytes end inside the field, or it has an unknown wire type.
        DecodeError: a group that is too large.
    """
    begun_by, at = varint(data, at)
    kind = begun_by & _KIND
    if kind == _VARINT:
        return begun_by, b"", varint(data, at)[1]
    if kind == _GROUP:
        return begun_by, b"", _after_group(data, at, begun_by)
    if kind == _LENGTH:
        size, at = varint(data, at)
    elif kind in _FIXED:
        size = _FIXED[kind]
    else:
        raise ValueError(f"wire type {kind}")
    if at + size > len(data):
        raise ValueError("truncated")
    return begun_by, data[at : at + size], at + size


def _after_group(data: bytes, at: int, begun_by: int) -> int:
    """Where a group ends: deprecated, but unknown fields may be groups, in groups (rule 9)."""
    ends = [begun_by - _GROUP + _GROUP_END]
    limit = at + MOST_FIELDS
    while ends:
        if at > limit:
            raise DecodeError("too_large", f"a group of more than {MOST_FIELDS} bytes")
        following, after = varint(data, at)
        if following & _KIND == _GROUP:
            ends.append(following - _GROUP + _GROUP_END)
            at = after
        elif following & _KIND == _GROUP_END:
            if following != ends.pop():
                raise ValueError("a group ends that did not begin")
            at = after
        else:
            at = field(data, at)[2]
    return at


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


def _parsed(new: Iterable[bytes], note: Note) -> Iterator[tuple[bytes, FeedEntity]]:
    for raw in new:
        if entity := _parse_entity(raw, note):
            yield raw, entity


def _counted(
    parsed: Iterable[tuple[bytes, FeedEntity]],
) -> Iterator[tuple[bytes, FeedEntity]]:
    parts = 0
    for raw, entity in parsed:
        parts += _parts(entity)
        if parts > MOST_PARTS:
            raise DecodeError("too_large", f"more than {MOST_PARTS} calls and other parts")
        yield raw, entity


def _parts(message: Any) -> int:
    """How much is repeated in a message; of calls, which repeat nothing, only how many they are."""
    if isinstance(message, TripUpdate):
        return len(message.stop_time_update)
    return sum(
        len(value) + sum(map(_parts, value)) if field.is_repeated else _parts(value)
        for field, value in message.ListFields()
        if field.message_type
    )


def _parse_entity(raw: bytes, note: Note) -> FeedEntity | None:
    if len(raw) > LARGEST:
        note("entity_too_large", f"{len(raw)} bytes")
        return None
    try:
        _CHECKED.FromString(raw)
        entity = FeedEntity.FromString(raw)
    except ProtobufError:
        note("entity_malformed", _excerpt(raw))
        return None
    if entity.is_deleted:
        note("entity_deleted", entity.id)
        return None
    if not any(map(entity.HasField, KINDS)):
        note("entity_empty", entity.id)
        return None
    return entity


def _excerpt(data: bytes) -> str:
    return repr(data[:_EXCERPT])[1:] + (" …" if len(data) > _EXCERPT else "")
