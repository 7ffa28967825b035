"""Captures are told apart by content, whatever their form."""

from pathlib import Path

import pytest
from google.protobuf import json_format
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader, FeedMessage, TripUpdate

from feeds.realtime.captures import CaptureError, capture_time, message_from_capture

MESSAGE = FeedMessage(
    header=FeedHeader(gtfs_realtime_version="2.0", timestamp=1700000000),
    entity=[FeedEntity(id="1", trip_update=TripUpdate(trip={"trip_id": "a", "route_id": "r"}))],
)
BINARY = MESSAGE.SerializeToString()


def test_binary_comes_back_byte_for_byte() -> None:
    unknown_field = b"\xfa\x3f\x02hi"  # of an agency's own extension range
    assert message_from_capture(BINARY + unknown_field, "a.pb") == BINARY + unknown_field


@pytest.mark.parametrize("snake_case", [True, False])
@pytest.mark.parametrize("numbers", [True, False])
@pytest.mark.parametrize("prefix", [b"", b"\n  ", b"\xef\xbb\xbf"], ids=["", "space", "BOM"])
def test_json_forms_give_the_same_message(
    *, snake_case: bool, numbers: bool, prefix: bytes
) -> None:
    text = json_format.MessageToJson(
        MESSAGE,
        preserving_proto_field_name=snake_case,
        use_integers_for_enums=numbers,
        always_print_fields_with_no_presence=True,
    )
    data = message_from_capture(prefix + text.encode(), "a.json")
    assert FeedMessage.FromString(data) == MESSAGE


def test_json_members_unknown_to_gtfs_realtime_are_dropped() -> None:
    text = b'{"header": {"gtfs_realtime_version": "2.0", "mood": "good"}, "extra": [1]}'
    message = FeedMessage.FromString(message_from_capture(text, "a.json"))
    assert message.header.gtfs_realtime_version == "2.0"


def test_binary_that_begins_like_json_is_binary() -> None:
    """A header of 123 bytes makes a message begin with a line feed and a brace."""
    for length in range(200):
        header = FeedHeader(gtfs_realtime_version="2.0", feed_version="v" * length)
        data = FeedMessage(header=header).SerializeToString()
        if data.startswith(b"\n{"):
            break
    assert data.startswith(b"\n{")
    assert message_from_capture(data, "a.pb") == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a GTFS-Realtime message"),
        (BINARY[:-3], "not a GTFS-Realtime message"),
        (b"<html><body>502</body></html>", "not a GTFS-Realtime message"),
        (b'{"header": {"gtfs_realtime_version": "2.0"', "JSON, but not"),
        (b'{"header": 5}', "JSON, but not"),
        (b'{"entity": []}', "header"),
        (b'{"head\xff"', "JSON, but not"),
    ],
    ids=["empty", "truncated", "html", "cut json", "wrong json", "no header", "not utf-8"],
)
def test_what_is_no_message_is_refused_by_name(data: bytes, reason: str) -> None:
    with pytest.raises(CaptureError, match=reason) as error:
        message_from_capture(data, "folder/file")
    assert "folder/file" in str(error.value)


def test_real_captures_are_read(captures: Path) -> None:
    for folder in ("onebusaway-app-modules/nyct_multi_trips", "transitland-lib/server/rt"):
        files = [f for f in (captures / folder).iterdir() if f.suffix in {".pb", ".json"}]
        assert files
        for file in files:
            assert capture_time(message_from_capture(file.read_bytes(), file.name)) > 0
