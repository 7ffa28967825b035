"""Captures on one time line, played by a clock or step by step."""

import pytest
from google.transit.gtfs_realtime_pb2 import FeedHeader, FeedMessage
from hypothesis import given
from hypothesis import strategies as st

from feeds.sources.clock import Clock, Reading
from feeds.sources.recording import Capture, Playing, Recording, Stepping


def message(timestamp: int = 0) -> bytes:
    header = FeedHeader(gtfs_realtime_version="2.0", timestamp=timestamp or None)
    return FeedMessage(header=header).SerializeToString()


def captures(*times: int) -> list[Capture]:
    return [Capture(time, f"{time}.pb", message(time)) for time in times]


def recording(*times: int) -> Recording:
    return Recording({"": captures(*times)})


T = 1_700_000_000


def test_time_of_a_capture_is_its_headers_then_its_names_then_its_files() -> None:
    assert Capture.read(f"{T + 1}.pb", message(T), T + 2).time == T
    assert Capture.read(f"x/trips_{T + 1}.ace.pb", message(), T + 2).time == T + 1
    assert Capture.read("x/20240208_trips.pb", message(), T + 2).time == T + 2


def test_captures_are_ordered_by_time_not_by_name() -> None:
    shuffled = Recording({"": [*captures(T + 60), *captures(T)]})
    assert shuffled.message("", T + 30) == message(T)
    assert shuffled.message("", T + 60) == message(T + 60)


def test_long_gap_is_shortened_to_the_usual_interval() -> None:
    played = recording(T, T + 60, T + 122, T + 10_000, T + 10_060)
    assert played.interval == 60
    assert played.offsets == [0, 60, 122, 182, 242]
    assert played.time(150) == T + 122 + 28
    assert played.time(182) == T + 10_000


def test_gap_of_five_minutes_is_kept() -> None:
    assert recording(T, T + 300).offsets == [0, 300]


def test_recording_of_long_gaps_alone_plays_one_capture_a_minute() -> None:
    assert recording(T, T + 1000, T + 3000).offsets == [0, 60, 120]


def test_series_share_one_time_line() -> None:
    both = Recording({"trips": captures(T, T + 60), "vehicles": captures(T + 30, T + 90)})
    assert both.moments == [T, T + 30, T + 60, T + 90]
    assert both.message("trips", T + 59) == message(T)
    assert both.message("vehicles", T + 59) == message(T + 30)


def test_series_that_has_not_begun_says_nothing_yet() -> None:
    both = Recording({"trips": captures(T), "vehicles": captures(T + 30)})
    empty = FeedMessage.FromString(both.message("vehicles", T))
    assert empty.header.timestamp == T
    assert not empty.entity


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=20, unique=True), st.data())
def test_played_seconds_and_recorded_time_are_each_others_reverse(
    offsets: list[int], data: st.DataObject
) -> None:
    played = recording(*(T + offset for offset in offsets))
    for moment in played.moments:
        assert played.time(played.played(moment)) == moment
    elapsed = sorted(data.draw(st.lists(st.floats(-100, 10_000), max_size=10)))
    times = [played.time(seconds) for seconds in elapsed]
    assert times == sorted(times)
    assert all(played.moments[0] <= time <= played.moments[-1] for time in times)


def test_playing_runs_faster_by_its_speed() -> None:
    playing = Playing(recording(T, T + 60, T + 120), since=5000, speed=20)
    assert playing.reading(5000) == Reading(T, 20)
    assert playing.reading(5003) == Reading(T + 60, 20)


def test_clock_stands_after_the_last_capture() -> None:
    playing = Playing(recording(T, T + 60), since=5000, speed=20)
    assert playing.end == 5003
    assert playing.reading(5003) == Reading(T + 60, 0)
    assert playing.reading(9999) == Reading(T + 60, 0)


def test_playing_starts_at_a_recorded_time() -> None:
    played = recording(T, T + 60, T + 1000, T + 1060)
    start = played.played(T + 1030)
    assert Playing(played, since=0, start=start).reading(0) == Reading(T + 1030, 1)


@pytest.mark.parametrize(("start", "moment"), [(0, T), (T + 500, T + 1000), (T + 9999, T + 1060)])
def test_start_outside_of_the_captures_is_the_next_one(start: int, moment: int) -> None:
    played = recording(T, T + 60, T + 1000, T + 1060)
    assert played.time(played.played(start)) == moment
    assert Stepping.at(played, start).reading().time == moment


def test_steps_go_through_all_moments_and_end() -> None:
    stepping = Stepping(recording(T, T + 60, T + 1000))
    seen = [stepping.reading()]
    while stepping.step():
        seen.append(stepping.reading())
    assert seen == [Reading(T, 0), Reading(T + 60, 0), Reading(T + 1000, 0)]
    assert not stepping.step()


def test_clock_runs_at_its_rate_from_its_start() -> None:
    assert Clock(start=100, since=1000, rate=10).reading(1002) == Reading(120, 10)


@given(st.integers(0, 4_000_000_000_000), st.sampled_from([0.0, 0.5, 1.0, 20.0, 600.0]))
def test_clock_header_is_read_as_written(milliseconds: int, rate: float) -> None:
    reading = Reading(milliseconds / 1000, rate)
    assert Reading.from_header(reading.header()) == reading


@pytest.mark.parametrize("text", ["", "now", "12", "12;rate=fast", "12;speed=2"])
def test_malformed_clock_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Reading.from_header(text)
