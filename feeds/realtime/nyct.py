"""The part of the NYC subway's extension (field 1001) that changes what a board shows.

Its realtime trips match no schedule; the header says for which routes and until when they replace
the scheduled ones (MTA, "GTFS-Realtime NYC Subway Reference"). Without it every train would stand
on the board twice.
"""

from google.protobuf.message import DecodeError as ProtobufError
from google.transit.gtfs_realtime_pb2 import FeedHeader, TimeRange

from feeds.realtime.candidates import Periods
from feeds.realtime.decode import field, tag

_EXTENSION = 1001
_PERIOD, _ROUTE_ID, _TIME_RANGE = 2, 1, 2


def replacement_periods(header: FeedHeader) -> Periods:
    """By route_id, from when until when its scheduled trips are replaced; none for other feeds."""
    periods: dict[str, tuple[float, float]] = {}
    try:
        for extension in _values(header.SerializePartialToString(), _EXTENSION):
            for period in _values(extension, _PERIOD):
                route = b"".join(_values(period, _ROUTE_ID)).decode()
                span = TimeRange.FromString(b"".join(_values(period, _TIME_RANGE)))
                periods[route] = (span.start, span.end or float("inf"))
    except (IndexError, ValueError, ProtobufError):
        return {}  # another producer's field of that number
    return periods


def _values(message: bytes, number: int) -> list[bytes]:
    found, at, wanted = [], 0, tag(number)
    while at < len(message):
        begun_by, value, at = field(message, at)
        if begun_by == wanted:
            found.append(value)
    return found
