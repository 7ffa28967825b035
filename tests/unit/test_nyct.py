"""The NYC subway's extension, in bytes as the MTA sends them."""

from pathlib import Path

from google.transit.gtfs_realtime_pb2 import FeedHeader

from feeds.realtime.decode import split
from feeds.realtime.nyct import replacement_periods


def test_the_real_header_names_routes_and_until_when(captures: Path) -> None:
    folder = captures / "onebusaway-app-modules/nyct_multi_trips"
    header, _ = split((folder / "1707397157.ace.pb").read_bytes())
    periods = replacement_periods(header)
    assert {"A", "C", "E"} <= periods.keys()
    for begin, end in periods.values():
        assert begin < 1707397157 < end


def test_other_feeds_have_none() -> None:
    assert replacement_periods(FeedHeader(gtfs_realtime_version="2.0")) == {}


def test_rule_9_another_producers_field_of_that_number_is_no_error() -> None:
    raw = FeedHeader(gtfs_realtime_version="2.0").SerializeToString() + b"\xca\x3e\x03\x12\x05a"
    assert replacement_periods(FeedHeader.FromString(raw)) == {}
