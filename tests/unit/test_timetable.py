from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.timetable.entities import Frequency, ScheduledCall, Stop, Trip
from feeds.timetable.stop_times import StopTimes
from feeds.timetable.timetable import Timetable
from tests.timetables import stop_time_columns

MONDAY = date(2024, 5, 13)
BERLIN = ZoneInfo("Europe/Berlin")
STOPS = ("a", "b", "c", "d")
HOUR = 3600

Call = tuple[str, int, int]
"""stop_id, arrival, departure."""


def stop(stop_id: str, location_type: int = 0, parent: str | None = None) -> Stop:
    return Stop(stop_id, None, None, location_type, None, parent, None, None, None, None)


def timetable(
    trips: Mapping[str, Sequence[Call]],
    *,
    services: Mapping[str, int] | None = None,
    running: Mapping[date, bytes] | None = None,
    frequencies: Mapping[str, tuple[Frequency, ...]] | None = None,
    timezone: ZoneInfo = BERLIN,
    headsigns: Mapping[tuple[str, int], str] | None = None,
    stops: Sequence[Stop] | None = None,
) -> Timetable:
    """Trips by id with their calls; one service, 0, that runs every day, unless told otherwise."""
    texts = sorted(set((headsigns or {}).values()))
    rows: list[tuple[int, ...]] = []
    entities = []
    for trip_id, calls in trips.items():
        first = len(rows)
        for place, (stop_id, arrival, departure) in enumerate(calls):
            text = (headsigns or {}).get((trip_id, place))
            headsign = -1 if text is None else texts.index(text)
            rows.append((10 * place, STOPS.index(stop_id), arrival, departure, headsign, 0, 1))
        service = (services or {}).get(trip_id, 0)
        periods = (frequencies or {}).get(trip_id, ())
        fields = (None, None, None, None, None, service, first, len(rows), periods)
        entities.append(Trip(trip_id, "r", *fields))
    days = [MONDAY + timedelta(days=n) for n in (-1, 0, 1)]
    return Timetable(
        feed_id="f",
        version=1,
        feed_version=None,
        timezone=timezone,
        agencies={},
        attributions=(),
        stops={each.stop_id: each for each in stops or [stop(stop_id) for stop_id in STOPS]},
        routes={},
        trips=entities,
        stop_times=StopTimes(stop_time_columns(rows), STOPS, texts),
        running=running or dict.fromkeys(days, b"\1"),
    )


def posix(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def found(table: Timetable, stop_id: str, start: int, end: int) -> list[tuple[str, date, int]]:
    calls = table.calls(stop_id, start, end)
    return [(call.trip.trip_id, call.service_date, call.time) for call in calls]


EXPRESS = [
    ("a", 8 * HOUR, 8 * HOUR + 60),
    ("b", 9 * HOUR, 9 * HOUR + 60),
    ("c", 10 * HOUR, 10 * HOUR + 60),
]


def test_a_call_is_found_by_its_departure_and_the_last_one_by_its_arrival() -> None:
    table = timetable({"t": EXPRESS})
    begin, end = posix("2024-05-13T00:00"), posix("2024-05-14T00:00")
    assert found(table, "b", begin, end) == [("t", MONDAY, posix("2024-05-13T09:01"))]
    assert found(table, "c", begin, end) == [("t", MONDAY, posix("2024-05-13T10:00"))]
    assert table.calls("b", begin, end)[0].position == 1


def test_a_timetable_reaches_the_moments_of_its_own_day_in_its_zone() -> None:
    table = timetable({"t": EXPRESS})
    within = [posix("2024-05-13T00:00"), posix("2024-05-14T00:00") - 1]
    assert [table.reaches(moment) for moment in within] == [True, True]
    assert not table.reaches(within[0] - 1)
    assert not table.reaches(within[1] + 1)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    table = timetable({"t": EXPRESS})
    at = posix("2024-05-13T09:01")
    assert len(table.calls("b", at, at + 1)) == 1
    assert table.calls("b", at - 60, at) == []


def test_a_trip_after_midnight_belongs_to_the_day_before() -> None:
    table = timetable({"t": [("a", 24 * HOUR, 24 * HOUR), ("b", 90_600, 90_600)]})
    calls = found(table, "b", posix("2024-05-13T01:00"), posix("2024-05-13T02:00"))
    assert calls == [("t", MONDAY - timedelta(days=1), posix("2024-05-13T01:10"))]


def test_calls_of_all_service_days_come_in_the_order_of_time() -> None:
    table = timetable(
        {
            "night": [("a", 25 * HOUR, 25 * HOUR), ("b", 26 * HOUR, 26 * HOUR)],
            "early": [("a", HOUR + 600, HOUR + 600), ("b", 3 * HOUR, 3 * HOUR)],
        }
    )
    begin = posix("2024-05-13T00:00")
    calls = found(table, "a", begin, begin + 26 * HOUR)
    days = [(trip_id, day.day) for trip_id, day, _ in calls]
    assert days == [("night", 12), ("early", 13), ("night", 13), ("early", 14)]


def test_times_follow_the_local_clock_when_it_changes() -> None:
    sunday = date(2024, 3, 31)  # clocks go from 02:00 to 03:00
    table = timetable({"t": EXPRESS}, running={sunday: b"\1"})
    assert found(table, "b", 0, 2**40) == [("t", sunday, posix("2024-03-31T09:01"))]


def test_calls_of_the_southern_hemisphere() -> None:
    auckland = ZoneInfo("Pacific/Auckland")
    sunday = date(2024, 9, 29)  # clocks go from 02:00 to 03:00
    table = timetable({"t": EXPRESS}, running={sunday: b"\1"}, timezone=auckland)
    assert found(table, "a", 0, 2**40) == [("t", sunday, posix("2024-09-29T08:01", auckland))]


def test_a_stop_that_is_visited_twice_has_two_calls() -> None:
    table = timetable({"t": [("a", 0, 0), ("b", 60, 60), ("a", 120, 130)]})
    calls = table.calls("a", table.midnight(MONDAY), table.midnight(MONDAY) + 200)
    assert [(call.position, call.time - table.midnight(MONDAY)) for call in calls] == [
        (0, 0),
        (2, 120),
    ]


def test_only_services_of_the_day_run() -> None:
    tuesday = MONDAY + timedelta(days=1)
    table = timetable(
        {"m": EXPRESS, "t": EXPRESS},
        services={"m": 0, "t": 1},
        running={MONDAY: b"\1\0", tuesday: b"\0\1"},
    )
    assert table.dates == (MONDAY, tuesday)
    assert [call[:2] for call in found(table, "a", 0, 2**40)] == [("m", MONDAY), ("t", tuesday)]
    assert table.runs(table.trips["m"], MONDAY)
    assert not table.runs(table.trips["m"], tuesday)


def test_nothing_runs_outside_of_the_loaded_days() -> None:
    table = timetable({"t": EXPRESS})
    assert not table.runs(table.trips["t"], MONDAY + timedelta(days=9))
    assert table.midnight(MONDAY + timedelta(days=9)) == posix("2024-05-22T00:00")


def test_stop_times_of_a_trip() -> None:
    table = timetable({"x": EXPRESS, "t": EXPRESS}, headsigns={("t", 1): "Centre"})
    first, second, third = table.stop_times(table.trips["t"])
    assert second == (10, "b", 9 * HOUR, 9 * HOUR + 60, "Centre", 0, 1)
    assert (first.headsign, third.headsign) == (None, None)
    assert [table.stop_time(table.trips["t"], n) for n in range(3)] == [first, second, third]


@pytest.mark.parametrize("index", [-1, 3])
def test_a_stop_time_beyond_the_trip_is_an_index_error(index: int) -> None:
    table = timetable({"x": EXPRESS, "t": EXPRESS, "y": EXPRESS})
    with pytest.raises(IndexError):
        table.stop_time(table.trips["t"], index)


def test_children_are_the_platforms_of_a_station() -> None:
    station = stop("a", location_type=1)
    entrance = stop("d", location_type=2, parent="a")
    table = timetable({}, stops=[station, stop("b", parent="a"), stop("c", parent="a"), entrance])
    assert table.children("a") == ("b", "c")
    assert table.children("b") == table.children("nowhere") == ()


def test_a_timetable_without_trips_answers_nothing() -> None:
    table = timetable({})
    assert table.calls("a", 0, 2**40) == []
    assert table.nbytes == 0


def test_runs_by_frequency_are_calls_with_their_start_time() -> None:
    table = timetable(
        {"t": [("a", 100, 120), ("b", 300, 330), ("c", 600, 600)]},
        frequencies={"t": (Frequency(7 * HOUR, 8 * HOUR, 1200, exact=True),)},
    )
    zero = table.midnight(MONDAY)
    calls = table.calls("b", zero, zero + 86_400)
    assert [(call.start_time, call.shift, call.time - zero) for call in calls] == [
        (start, start - 120, start - 120 + 330) for start in (25_200, 26_400, 27_600)
    ]
    assert {call.position for call in calls} == {1}
    assert table.calls("c", zero + 25_200 + 480, zero + 25_200 + 481)[0].start_time == 25_200


def test_trips_without_exact_times_have_no_calls() -> None:
    table = timetable(
        {"t": EXPRESS}, frequencies={"t": (Frequency(7 * HOUR, 8 * HOUR, 1200, exact=False),)}
    )
    assert table.calls("a", 0, 2**40) == []
    assert len(table.stop_times(table.trips["t"])) == 3


SECONDS = st.integers(0, 60 * HOUR)
PERIOD = st.builds(Frequency, SECONDS, SECONDS, st.integers(300, 9000), exact=st.booleans())


@st.composite
def schedules(draw: st.DrawFn) -> Timetable:
    trips, services, frequencies = {}, {}, {}
    for number in range(draw(st.integers(0, 6))):
        trip_id = f"t{number}"
        times = sorted(draw(st.lists(SECONDS, min_size=2, max_size=8)))
        stop_ids = draw(st.lists(st.sampled_from(STOPS), min_size=8, max_size=8))
        pairs = zip(times[::2], times[1::2], strict=False)
        trips[trip_id] = [(stop_id, *pair) for stop_id, pair in zip(stop_ids, pairs, strict=False)]
        services[trip_id] = draw(st.integers(0, 1))
        frequencies[trip_id] = tuple(draw(st.lists(PERIOD, max_size=2)))
    first = draw(st.sampled_from([MONDAY, date(2024, 3, 29), date(2024, 10, 26)]))
    days = [first + timedelta(days=n) for n in range(3)]
    running = {
        day: bytes(draw(st.lists(st.integers(0, 1), min_size=2, max_size=2))) for day in days
    }
    return timetable(trips, services=services, running=running, frequencies=frequencies)


def naive_calls(table: Timetable, stop_id: str, start: int, end: int) -> list[ScheduledCall]:
    """Every call of every run of every day, looked at one by one."""
    calls = []
    for day in table.dates:
        for trip in table.trips.values():
            if not table.runs(trip, day):
                continue
            stop_times = table.stop_times(trip)
            starts: list[int | None] = [
                second
                for period in trip.frequencies
                if period.exact
                for second in range(period.start, period.end, period.headway)
            ]
            for begin in starts if trip.frequencies else [None]:
                shift = 0 if begin is None else begin - stop_times[0].departure
                for index, call in enumerate(stop_times):
                    last = index == len(stop_times) - 1
                    time = table.midnight(day) + shift + (call.arrival if last else call.departure)
                    if call.stop_id == stop_id and start <= time < end:
                        calls.append(ScheduledCall(trip, day, begin, index, shift, time))
    return calls


@settings(max_examples=150, deadline=None)
@given(
    schedules(),
    st.sampled_from(STOPS),
    st.integers(-30 * HOUR, 90 * HOUR),
    st.integers(0, 30 * HOUR),
)
def test_calls_are_what_a_scan_of_everything_finds(
    table: Timetable, stop_id: str, offset: int, length: int
) -> None:
    start = table.midnight(table.dates[0]) + offset
    calls = table.calls(stop_id, start, start + length)
    assert [call.time for call in calls] == sorted(call.time for call in calls)

    def key(call: ScheduledCall) -> tuple[object, ...]:
        return (
            call.time,
            call.trip.trip_id,
            call.service_date,
            call.start_time or 0,
            call.position,
            call.shift,
        )

    assert sorted(map(key, calls)) == sorted(
        map(key, naive_calls(table, stop_id, start, start + length))
    )
