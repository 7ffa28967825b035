"""Which scheduled trips the NYC subway's messages stand for (MTA's extension of GTFS-Realtime).

Read from the fields that GTFS-Realtime does not know; shares nothing with feeds/.
"""

from collections.abc import Iterator

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from google.transit.gtfs_realtime_pb2 import FeedMessage, TimeRange


def replaced(messages: list[bytes]) -> dict[str, tuple[int, int]]:
    """By route_id from when until when only realtime tells of it, POSIX seconds."""
    found = {}
    for message in messages:
        for header in parts(FeedMessage.FromString(message).header, 1001):
            for period in parts(header, 2):
                [route] = fields(period, 1)
                [span] = map(TimeRange.FromString, fields(period, 2))
                found[route.decode()] = (span.start, span.end)
    return found


def parts(message: Message, number: int) -> Iterator[Message]:
    """The messages in a field of this number."""
    return map(Empty.FromString, fields(message, number))


def fields(message: Message, number: int) -> list[bytes]:
    known = UnknownFieldSet(message)
    found = [known[index] for index in range(len(known))]
    return [field.data for field in found if field.field_number == number]
