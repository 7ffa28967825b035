"""The updates of a feed's trips, as they come and grow old."""

import pytest

from feeds.realtime.decode import decode
from feeds.realtime.quality import Quality
from feeds.realtime.trip_updates import Touched, TripUpdates
from tests.timetables import Row, make_timetable, message, posix, trip_update

NOW = posix("10:00:00")
ROWS: list[Row] = [(1, "a", "10:00:00", "10:00:00"), (2, "b", "10:10:00", "10:10:00")]


@pytest.fixture
def quality() -> Quality:
    return Quality()


@pytest.fixture
def updates() -> TripUpdates:
    return TripUpdates(make_timetable(dict.fromkeys(("old", "older", "undated", "late"), ROWS)))


def say(
    updates: TripUpdates, quality: Quality, *, endpoint: int = 0, delay: int = 60, **times: int
) -> Touched:
    """An endpoint tells of these trips, as of these times; 0 is none."""
    told = [trip_update(trip_id, {"stop_sequence": 2, "arrival": delay}) for trip_id in times]
    for update, time in zip(told, times.values(), strict=True):
        update.timestamp = time
    note = quality.part(endpoint).note
    return updates.apply(endpoint, decode(message(*told, timestamp=NOW), (), note), NOW, note)


def delays(updates: TripUpdates) -> list[int]:
    """Of each run, where it ends."""
    ends = [run.calls[-1] for run in updates.runs.values()]
    return [(call.arrival or 0) - (call.scheduled_arrival or 0) for call in ends]


def withdrawn(updates: TripUpdates, quality: Quality, moment: int) -> list[str]:
    """The trips whose updates are older than `moment`."""
    before = {key: run.instance.trip_id for key, run in updates.runs.items()}
    touched: Touched = {}
    for endpoint in range(2):
        touched |= updates.withdraw_older(endpoint, moment, quality.part(endpoint).note)
    assert touched.keys() == before.keys() - updates.runs.keys()
    assert all(run and run.key == key for key, run in touched.items())
    return sorted(before[key] for key in touched)


def test_rule_6_each_update_goes_when_its_own_time_is_past(
    updates: TripUpdates, quality: Quality
) -> None:
    say(updates, quality, old=NOW - 600, older=NOW - 700, undated=0)
    assert withdrawn(updates, quality, NOW - 700) == []
    assert withdrawn(updates, quality, NOW - 699) == ["older"]
    assert withdrawn(updates, quality, NOW - 650) == []
    say(updates, quality, endpoint=1, late=NOW - 800)
    assert withdrawn(updates, quality, NOW - 650) == ["late"]
    assert withdrawn(updates, quality, NOW - 599) == ["old"]
    assert withdrawn(updates, quality, NOW + 9_999) == []
    assert quality.part(0).counts["trip_update_expired"] == 2
    assert quality.part(1).counts["trip_update_expired"] == 1


def test_an_update_that_says_nothing_new_touches_nothing(
    updates: TripUpdates, quality: Quality
) -> None:
    assert len(say(updates, quality, old=NOW - 600)) == 1
    [run] = updates.runs.values()
    assert say(updates, quality, endpoint=1, old=NOW - 700) == {}
    assert withdrawn(updates, quality, NOW - 650) == []
    assert updates.runs == {run.key: run}
    assert quality.part(1).counts["trip_update_expired"] == 1
    assert withdrawn(updates, quality, NOW - 500) == ["old"]
    assert updates.runs == {}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("ahead", [301, NOW * 999], ids=["seconds", "milliseconds"])
def test_rule_4_an_update_from_the_future_wins_over_none_that_is_dated(
    updates: TripUpdates, quality: Quality, ahead: int, order: int
) -> None:
    said = [{"old": NOW - 600}, {"old": NOW + ahead}]
    for endpoint, times in list(enumerate(said))[::order]:
        say(updates, quality, endpoint=endpoint, delay=60 * (endpoint + 1), **times)
    assert delays(updates) == [60]
    assert quality.part(1).examples["trip_update_ahead"] == f"old: timestamp {NOW + ahead}"
    assert "trip_update_ahead" not in quality.part(0).counts
    for endpoint in range(2):
        updates.withdraw_older(endpoint, NOW - 500, quality.part(endpoint).note)
    assert delays(updates) == [120]  # undated, it is all that is left


def test_rule_4_a_clock_that_is_a_little_ahead_is_believed(
    updates: TripUpdates, quality: Quality
) -> None:
    say(updates, quality, endpoint=0, delay=60, old=NOW)
    say(updates, quality, endpoint=1, delay=120, old=NOW + 300)
    assert delays(updates) == [120]
    assert "trip_update_ahead" not in quality.counts
    assert withdrawn(updates, quality, NOW + 301) == ["old"]
