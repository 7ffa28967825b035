"""What whole messages say: rules that no single trip or stop shows."""

from typing import Any

from google.transit.gtfs_realtime_pb2 import FeedMessage

from feeds.realtime.pipeline import Pipeline
from schemas.arrivals import Arrival
from tests.timetables import Row, make_timetable, message, posix, trip_update

TRIPS: dict[str, list[Row]] = {
    "t": [(1, "a", "10:00:00", "10:00:00"), (2, "b", "10:10:00", "10:10:00")],
    "next": [(1, "b", "10:15:00", "10:15:00"), (2, "a", "10:25:00", "10:25:00")],
}
NOW = posix("09:55:00")


def polled(*messages: bytes) -> Pipeline:
    pipeline = Pipeline(make_timetable(TRIPS))
    for data in messages:
        pipeline.poll(0, data, NOW)
    pipeline.changes(pipeline.pending(NOW), NOW)
    return pipeline


def arrival(pipeline: Pipeline, stop_id: str, trip_id: str) -> Arrival:
    arrivals = pipeline.boards.boards[stop_id]["arrivals"].values()
    [found] = [told for told in arrivals if told.get("trip_id") == trip_id]
    return found


def late(seconds: int, **told: Any) -> bytes:
    return message(trip_update("t", {"stop_sequence": 1, "departure": seconds}), **told)


def test_rule_1_an_empty_message_says_that_nothing_is_known() -> None:
    pipeline = polled(late(60), message())
    assert arrival(pipeline, "a", "t")["status"] == "scheduled"


def test_rule_2_a_message_replaces_the_one_before() -> None:
    other = message(trip_update("next", {"stop_sequence": 1, "departure": 60}))
    pipeline = polled(late(60), other)
    assert arrival(pipeline, "a", "t")["status"] == "scheduled"
    assert arrival(pipeline, "b", "next")["status"] == "predicted"


def test_rule_4_a_message_without_a_timestamp_counts_as_made_when_it_came() -> None:
    assert polled(late(60)).heard[0].timestamp == NOW
    assert polled(late(60, timestamp=NOW - 5)).heard[0].timestamp == NOW - 5


def test_rule_8_another_feed_version_than_the_schedules_is_counted() -> None:
    feed = FeedMessage.FromString(late(60))
    feed.header.feed_version = "summer"
    timetable = make_timetable(TRIPS)
    pipeline = Pipeline(timetable)
    pipeline.poll(0, feed.SerializeToString(), NOW)
    assert pipeline.quality.counts == {}  # the schedule has no version to compare
    timetable.feed_version = "winter"
    feed.header.timestamp = NOW
    pipeline.poll(0, feed.SerializeToString(), NOW)
    assert pipeline.quality.counts == {"feed_version_disagrees": 1}


def test_rule_9_extensions_of_other_agencies_disturb_nothing() -> None:
    feed = FeedMessage.FromString(late(60))
    unknown = b"\xca\x3e\x03\x0a\x01\x78"  # field 1001, as several agencies use it
    feed.header.MergeFromString(unknown)
    feed.entity[0].trip_update.MergeFromString(unknown)
    feed.entity[0].trip_update.trip.MergeFromString(unknown)
    assert feed.SerializeToString().count(unknown) == 3
    pipeline = polled(feed.SerializeToString())
    assert arrival(pipeline, "a", "t")["status"] == "predicted"
    assert pipeline.quality.counts == {}


def test_rule_27_uncertainty_is_told_as_given() -> None:
    sure = trip_update("t", {"stop_sequence": 1, "departure": {"delay": 60, "uncertainty": 0}})
    assert arrival(polled(message(sure)), "a", "t").get("uncertainty") == 0
    assert "uncertainty" not in arrival(polled(late(60)), "a", "t")
    nothing = {
        "stop_sequence": 1,
        "schedule_relationship": "NO_DATA",
        "departure": {"delay": 60, "uncertainty": 30},
    }
    assert "uncertainty" not in arrival(polled(message(trip_update("t", nothing))), "a", "t")


def test_rule_35_a_delay_ends_with_its_trip() -> None:
    """Also where the same vehicle goes on as the next one."""
    pipeline = polled(late(900))
    assert arrival(pipeline, "b", "t")["status"] == "predicted"
    assert arrival(pipeline, "b", "next")["status"] == "scheduled"
