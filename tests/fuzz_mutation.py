"""GTFS-Realtime messages changed at random: fields set to what may matter, entities added, copied, dropped."""

from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.transit.gtfs_realtime_pb2 import FeedMessage

from tests.timetables import posix

NOW = posix("09:55:00")
STRINGS = (
    *("t", "loop", "night", "exact", "about", "x", "y", "n1", "n2", "b", "c", "station", "r", "a"),
    *("", " t ", "20240514", "20240513", "20240515", "20241332", "2024051", "x" * 300, "\0", "é"),
    *("10:00:00", "09:00:00", "09:10:00", "25:00:00", "8:00:00", "99:99:99", "24h", "2.0", "en"),
)
NUMBERS = (
    *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60, -60, 300, 3600, 86400, -86400, 2**31 - 1, -(2**31)),
    *(NOW, NOW - 100, NOW + 60, NOW + 300, NOW + 1200, NOW + 7200, NOW * 1000, 2**63 - 1, -(2**63)),
)
Field = Any  # a FieldDescriptor; the stubs know two
FLOATS = (0.0, 1.0, 52.5, -181.0, float("nan"), float("inf"), 1e300)


def mutated(data: bytes, rng: Random) -> bytes | None:
    """One to four changes to a message; None if these bytes are none."""
    message = FeedMessage()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    for _ in range(rng.randint(1, 4)):
        _change(message, rng)
    return message.SerializePartialToString()


def _change(message: Message, rng: Random) -> None:
    """Walk down to a random field and change it."""
    field: Field = rng.choice(message.DESCRIPTOR.fields)
    if rng.random() < 0.1:
        message.ClearField(field.name)
    elif field.is_repeated:
        _change_repeated(getattr(message, field.name), field, rng)
    elif field.message_type:
        child: Any = getattr(message, field.name)
        child.SetInParent()
        _change(child, rng)
    else:
        _set(message, field, rng)


def _change_repeated(values: Any, field: Field, rng: Random) -> None:
    if values and rng.random() < 0.2:
        del values[rng.randrange(len(values))]
    elif not field.message_type:
        values.append(_value(field, rng))
    elif values and rng.random() < 0.6:
        _change(rng.choice(values), rng)
    elif values and rng.random() < 0.3:
        values.add().CopyFrom(rng.choice(values))
    else:
        _change(values.add(), rng)


def _set(message: Message, field: Field, rng: Random) -> None:
    try:
        setattr(message, field.name, _value(field, rng))
    except ValueError:  # a number that does not fit this field's type
        message.ClearField(field.name)


def _value(field: Field, rng: Random) -> Any:
    if field.enum_type:
        return rng.choice(field.enum_type.values).number
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    return rng.choice(_VALUES.get(field.cpp_type, NUMBERS))


_VALUES: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.CPPTYPE_STRING: STRINGS,
    FieldDescriptor.CPPTYPE_FLOAT: FLOATS,
    FieldDescriptor.CPPTYPE_DOUBLE: FLOATS,
}
