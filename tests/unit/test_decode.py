"""Decoding: what changed since the last poll, and nothing but DecodeError from any bytes."""

from contextlib import suppress
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError as ProtobufError
from google.transit.gtfs_realtime_pb2 import (
    FeedEntity,
    FeedHeader,
    FeedMessage,
    TranslatedString,
    TripUpdate,
)
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.realtime.decode import DecodeError, decode, field, split
from feeds.realtime.quality import Quality
from tests.timetables import message, trip_update


@pytest.fixture
def quality() -> Quality:
    return Quality()


def test_a_first_poll_brings_every_entity(quality: Quality) -> None:
    data = message(trip_update("a"), trip_update("b"), timestamp=17)
    decoded = decode(data, (), quality.note)
    assert decoded.header.timestamp == 17
    assert [entity.trip_update.trip.trip_id for _, entity in decoded.added] == ["a", "b"]
    assert decoded.removed == frozenset()


def test_an_unchanged_poll_brings_nothing_whatever_its_header_says(quality: Quality) -> None:
    first = decode(message(trip_update("a"), timestamp=1), (), quality.note)
    second = decode(message(trip_update("a"), timestamp=2), first.entities, quality.note)
    assert (second.added, second.removed) == ([], frozenset())
    assert second.header.timestamp == 2


def test_only_what_differs_is_added_and_removed(quality: Quality) -> None:
    first = decode(message(trip_update("a"), trip_update("b")), (), quality.note)
    changed = message(trip_update("a"), trip_update("c"))
    second = decode(changed, first.entities, quality.note)
    assert [entity.trip_update.trip.trip_id for _, entity in second.added] == ["c"]
    assert second.removed == {first.entities[1]}


def test_the_order_of_entities_is_no_change(quality: Quality) -> None:
    feed = FeedMessage.FromString(message(trip_update("a"), trip_update("b")))
    first = decode(feed.SerializeToString(), (), quality.note)
    feed.entity.reverse()
    second = decode(feed.SerializeToString(), first.entities, quality.note)
    assert (second.added, second.removed) == ([], frozenset())


def test_one_malformed_entity_costs_only_itself(quality: Quality) -> None:
    good = message(trip_update("a"))
    decoded = decode(good + b"\x12\x02\x1a\x05", (), quality.note)  # its trip_update is cut
    assert [entity.trip_update.trip.trip_id for _, entity in decoded.added] == ["a"]
    assert quality.counts["entity_malformed"] == 1


def test_text_that_is_not_utf_8_costs_its_entity_only(quality: Quality) -> None:
    """proto2 parsers let it pass, and Python's would give bytes for it (found by bench/fuzz.py)."""
    data = message(trip_update("good"), trip_update("b\N{EURO SIGN}d"))
    decoded = decode(data.replace("\N{EURO SIGN}".encode(), b"\xff\xfe\xfd"), (), quality.note)
    assert [entity.trip_update.trip.trip_id for _, entity in decoded.added] == ["good"]
    assert quality.counts["entity_malformed"] == 1


def test_rule_2_a_deleted_entity_is_ignored(quality: Quality) -> None:
    """Rule 2: `is_deleted` has no place in a FULL_DATASET."""
    feed = FeedMessage.FromString(message(trip_update("a")))
    feed.entity[0].is_deleted = True
    assert decode(feed.SerializeToString(), (), quality.note).added == []
    assert quality.counts["entity_deleted"] == 1


def test_an_entity_that_says_nothing_is_left_out_and_counted(quality: Quality) -> None:
    decoded = decode(message() + b"\x12\x03\x0a\x01a", (), quality.note)
    assert decoded.added == []
    assert quality.examples == {"entity_empty": "a"}


def test_rule_9_unknown_fields_disturb_nothing_groups_in_groups_neither() -> None:
    known = message(trip_update("a"))
    deep = b"\x1b" * 100_000 + b"\x1c" * 100_000
    assert split(b"\x10\x00" + deep + known + b"\x08\x07") == split(known)
    with pytest.raises(DecodeError, match="not a protobuf message"):
        split(known + b"\x1b")
    with pytest.raises(DecodeError, match="not a protobuf message"):
        split(known + b"\x1c")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"<!doctype html><title>503</title>", "malformed"),
        (message(trip_update("a"))[:-3], "malformed"),
        (b"\x12\x00", "malformed"),
        (b"\x0a\x02\x0a\x05", "malformed"),
    ],
)
def test_garbage_is_refused_by_kind(data: bytes, kind: str, quality: Quality) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(data, (), quality.note)
    assert refused.value.kind == kind


def test_rule_2_differential_messages_are_refused(quality: Quality) -> None:
    feed = FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.incrementality = FeedHeader.DIFFERENTIAL
    with pytest.raises(DecodeError, match="DIFFERENTIAL") as refused:
        decode(feed.SerializeToString(), (), quality.note)
    assert refused.value.kind == "differential"


@given(st.binary(max_size=300))
@example(b"\x12\x80")
@example(b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
@example(b"\x0a\x05\x0a\x032.0\x12\xff\x01")
def test_no_bytes_raise_anything_but_our_error(data: bytes) -> None:
    with suppress(DecodeError):
        decode(data, (), Quality().note)


@given(st.lists(st.text(max_size=200), max_size=5), st.binary(max_size=20))
@example([], b"\x10\x00")  # fields 1 and 2 of another wire type are unknown ones
@example([], b"\x08\x01\x0d\x00\x00\x00\x00")
@example(["a"], b"\x13\x08\x01\x1b\x12\x00\x1c\x14")  # as are groups
@example([], b"\x1b\x24")
@example([], b"\x0a\x02\x10\x01")  # DIFFERENTIAL
@example([], b"\x12\x03\x0a\x01a")
def test_splitting_agrees_with_protobuf(trip_ids: list[str], noise: bytes) -> None:
    data = message(*(trip_update(trip_id) for trip_id in trip_ids)) + noise
    try:
        expected = FeedMessage.FromString(data)
    except ProtobufError:
        return  # what protobuf refuses, splitting may still find entities in: the rest goes on
    if expected.header.incrementality == FeedHeader.DIFFERENTIAL:
        return
    header, entities = split(data)
    assert header == expected.header
    assert [FeedEntity.FromString(raw) for raw in entities] == list(expected.entity)


GOOD = message(trip_update("a"))
FIELDS = 500_001


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"\x20\x00" * FIELDS,
        GOOD + b"\x12\x00" * FIELDS,
        GOOD + b"\x12\x80\x00" * FIELDS,  # lengths of two bytes that could do with one
        GOOD + (b"\x12\x80\x01" + bytes(128)) * FIELDS,
        GOOD + (b"\x0a\x05\x22\x03abc") * FIELDS,
        GOOD + b"\x1b" * 2 * FIELDS,
        GOOD + b"\x1b\x1c" * FIELDS,
    ],
    ids=[
        "fields",
        "entities",
        "long for short",
        "true entities",
        "headers",
        "groups in groups",
        "groups",
    ],
)
def test_a_bomb_of_fields_is_refused(data: bytes, quality: Quality) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(data, (), quality.note)
    assert refused.value.kind == "too_large"


def test_an_entity_that_is_too_large_costs_only_itself(quality: Quality) -> None:
    """A megabyte of calls of two bytes each would be 50 of them."""
    bomb = trip_update("b")
    bomb.stop_time_update.extend([TripUpdate.StopTimeUpdate()] * (1 << 19))
    decoded = decode(message(trip_update("a"), bomb), (), quality.note)
    assert [entity.trip_update.trip.trip_id for _, entity in decoded.added] == ["a"]
    assert quality.counts == {"entity_too_large": 1}


def test_a_bomb_of_parts_is_refused(quality: Quality, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, or whatever is repeated in an alert, also where an entity says that it is both."""
    monkeypatch.setattr("feeds.realtime.decode.MOST_PARTS", 1_000)
    calls = trip_update("a")
    calls.stop_time_update.extend([TripUpdate.StopTimeUpdate()] * 501)
    both = FeedEntity(id="b", trip_update=trip_update("b"))
    both.alert.header_text.translation.extend([TranslatedString.Translation()] * 500)
    data = message(calls)
    assert len(decode(data, (), quality.note).added) == 1
    with pytest.raises(DecodeError, match="more than 1000 calls") as refused:
        decode(data + FeedMessage(entity=[both]).SerializePartialToString(), (), quality.note)
    assert refused.value.kind == "too_large"


def test_a_field_that_ends_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="truncated"):
        field(b"\x0a\x05ab", 0)


def test_every_entity_of_the_big_new_york_message_is_found(
    captures: Path, quality: Quality
) -> None:
    data = (captures / "gtfsrealtime-r/nyc-trip-updates.pb").read_bytes()
    decoded = decode(data, (), quality.note)
    assert len(decoded.added) == 5801
    calls = sum(len(entity.trip_update.stop_time_update) for _, entity in decoded.added)
    assert calls == 90_879
    assert quality.counts == {}
