"""Times along a trip; test names carry the numbers of SPEC_RULES and ORACLES."""

from collections.abc import Sequence
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedMessage, TripUpdate

from feeds.realtime.calls import Call, CallStatus
from feeds.realtime.pipeline import Pipeline
from feeds.realtime.predictions import predict
from feeds.realtime.quality import Quality
from feeds.realtime.trips import match
from feeds.timetable.entities import Frequency
from feeds.timetable.timetable import Timetable
from tests.timetables import Row, make_timetable, message, posix, stop, trip_update

FOUR: list[Row] = [
    (1, "a", "10:00:00", "10:00:00"),
    (2, "b", "10:09:00", "10:10:00"),
    (3, "c", "10:20:00", "10:20:00"),
    (4, "d", "10:30:00", "10:30:00"),
]
NOW = posix("09:55:00")


@pytest.fixture
def quality() -> Quality:
    return Quality()


def calls(
    update: TripUpdate, quality: Quality, rows: Sequence[Row] = FOUR, others: Sequence[str] = ()
) -> list[Call]:
    table = make_timetable({"t": rows}, stops=[stop(stop_id) for stop_id in others])
    found = predicted(update, table, quality)
    assert found is not None
    return found


def predicted(update: TripUpdate, table: Timetable, quality: Quality) -> list[Call] | None:
    instance = match(update, table, NOW, quality.note)
    assert instance is not None
    return predict(instance, update, table, quality.note)


def departures(found: list[Call]) -> list[str | None]:
    return [_local(call.departure) for call in found]


def _local(moment: int | None) -> str | None:
    if moment is None:
        return None
    rest = moment - posix("00:00:00")
    return f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def call_statuses(found: list[Call]) -> list[str]:
    return [call.status for call in found]


def statuses(update: TripUpdate, *others: FeedEntity, now: int) -> dict[str, str]:
    """By stop, what the boards say of the one trip."""
    feed = FeedMessage.FromString(message(update, timestamp=now))
    feed.entity.extend(others)
    pipeline = Pipeline(make_timetable({"t": FOUR}))
    pipeline.poll(0, feed.SerializeToString(), now)
    pipeline.changes(pipeline.pending(now), now)
    return {
        stop_id: arrival["status"]
        for stop_id, board in pipeline.boards.boards.items()
        for arrival in board["arrivals"].values()
        if arrival["service_date"] == "20240514"
    }


def u(sequence: int, **told: Any) -> dict[str, Any]:
    return {"stop_sequence": sequence, **told}


def test_rule_15_an_update_without_stop_times_predicts_nothing(quality: Quality) -> None:
    assert call_statuses(calls(trip_update("t"), quality)) == ["scheduled"] * 4


def test_rule_23_time_wins_over_delay(quality: Quality) -> None:
    told = {"time": posix("10:11:00"), "delay": 300}
    found = calls(trip_update("t", u(2, departure=told)), quality)
    assert departures(found)[1] == "10:11:00"


def test_f7_the_delay_that_is_given_goes_on_not_the_one_computed(quality: Quality) -> None:
    told = {"time": posix("10:11:00"), "delay": 300}
    found = calls(trip_update("t", u(2, departure=told)), quality)
    assert departures(found)[2:] == ["10:25:00", "10:35:00"]


def test_a_delay_of_zero_beside_a_late_time_counts_as_not_said(quality: Quality) -> None:
    told = {"time": posix("10:11:00"), "delay": 0}
    found = calls(trip_update("t", u(2, departure=told)), quality)
    assert departures(found)[2:] == ["10:21:00", "10:31:00"]


def test_rule_7_a_time_of_zero_is_no_time(quality: Quality) -> None:
    found = calls(trip_update("t", u(2, arrival="10:12:00", departure={"time": 0})), quality)
    assert departures(found)[1] == "10:13:00"


def test_rule_29_the_departures_delay_goes_on(quality: Quality) -> None:
    found = calls(trip_update("t", u(2, arrival=60, departure=120), u(4, arrival=0)), quality)
    assert departures(found) == [None, "10:12:00", "10:22:00", "10:30:00"]


def test_rule_30_a_delay_passes_over_skipped_stops(quality: Quality) -> None:
    skipped = u(2, schedule_relationship="SKIPPED")
    found = calls(trip_update("t", u(1, departure=60), skipped), quality)
    assert call_statuses(found) == ["predicted", "skipped", "predicted", "predicted"]
    assert departures(found) == ["10:01:00", None, "10:21:00", "10:31:00"]


def test_rule_31_no_data_ends_a_delay_and_says_so_onward(quality: Quality) -> None:
    silent = u(2, schedule_relationship="NO_DATA", departure=60)
    found = calls(trip_update("t", u(1, departure=60), silent, u(4, arrival=60)), quality)
    assert call_statuses(found) == ["predicted", "no_data", "no_data", "predicted"]


def test_rule_32_stops_before_the_first_update_stay_scheduled(quality: Quality) -> None:
    found = calls(trip_update("t", u(3, departure=60)), quality)
    assert call_statuses(found) == ["scheduled", "scheduled", "predicted", "predicted"]


def test_rule_33_the_trips_delay_counts_until_a_stop_has_its_own(quality: Quality) -> None:
    update = trip_update("t", u(3, departure=60))
    update.delay = 240
    found = calls(update, quality)
    assert departures(found) == ["10:04:00", "10:14:00", "10:21:00", "10:31:00"]


def test_rule_33_the_trips_delay_says_what_lies_behind() -> None:
    """Four minutes late is to be where the schedule was four minutes ago: the rest is past."""
    update = trip_update("t")
    update.delay = 240
    now = posix("10:15:00")
    update.timestamp = now
    assert statuses(update, now=now) == {"b": "departed", "c": "predicted", "d": "predicted"}


def test_rule_33_a_vehicle_that_is_further_than_the_delay_says_decides(quality: Quality) -> None:
    update = trip_update("t", u(3, departure=600))
    update.delay = 600
    update.timestamp = now = posix("10:15:00")
    vehicle = FeedEntity(id="vehicle")
    vehicle.vehicle.trip.trip_id = "t"
    vehicle.vehicle.current_stop_sequence = 3
    vehicle.vehicle.timestamp = now
    assert departures(calls(update, quality))[1] == "10:20:00"
    expected = {"b": "departed", "c": "predicted", "d": "predicted"}
    assert statuses(update, vehicle, now=now) == expected


def test_p04_rule_22_a_missing_departure_takes_the_arrivals_delay(quality: Quality) -> None:
    [_, call, *_] = calls(trip_update("t", u(2, arrival=120)), quality)
    assert (_local(call.arrival), _local(call.departure)) == ("10:11:00", "10:12:00")


def test_p05_rule_22_a_missing_arrival_takes_the_departures_delay(quality: Quality) -> None:
    """Peer's choice: transitland's, not OpenTripPlanner's, which keeps the schedule."""
    [_, call, *_] = calls(trip_update("t", u(2, departure=120)), quality)
    assert (_local(call.arrival), _local(call.departure)) == ("10:11:00", "10:12:00")


def test_p11_rule_18_a_loop_is_matched_in_order(quality: Quality) -> None:
    loop: list[Row] = [
        (0, "a", "10:00:00", "10:00:00"),
        (1, "b", "10:20:00", "10:20:00"),
        (2, "a", "10:30:00", "10:30:00"),
    ]
    told = [{"stop_id": s, "arrival": t} for s, t in [("b", "10:21:00"), ("a", "10:31:00")]]
    found = calls(trip_update("t", *told), quality, loop)
    assert departures(found) == [None, "10:21:00", "10:31:00"]


def test_rule_34_times_never_decrease(quality: Quality) -> None:
    late = u(2, arrival="10:15:00", departure="10:14:00")
    found = calls(trip_update("t", late, u(3, arrival="10:12:00")), quality)
    assert departures(found) == [None, "10:15:00", "10:15:00", "10:22:00"]
    assert quality.counts["times_decreasing"] == 2


def test_r3_an_empty_stop_time_is_dropped(quality: Quality) -> None:
    found = calls(trip_update("t", u(1, departure=60), u(2, arrival={})), quality)
    assert departures(found)[1] == "10:11:00"
    assert quality.counts["stop_time_empty"] == 1


def test_r4_an_unknown_stop_costs_only_its_own_update(quality: Quality) -> None:
    told: list[dict[str, Any]] = [u(1, departure=60), u(99, departure=600)]
    told.append({"stop_id": "x", "departure": 600})
    found = calls(trip_update("t", *told), quality)
    assert departures(found)[3] == "10:31:00"
    assert quality.counts["stop_not_in_trip"] == 2


def test_r5_rule_19_a_decreasing_sequence_makes_the_update_unusable(quality: Quality) -> None:
    update = trip_update("t", u(2, departure=60), u(1, departure=60))
    assert predicted(update, make_timetable({"t": FOUR}), quality) is None
    assert quality.counts["stop_sequence_decreasing"] == 1


def test_f15_another_known_stop_at_a_sequence_moves_the_call(quality: Quality) -> None:
    found = calls(trip_update("t", u(2, stop_id="B2", departure=60)), quality, others=["B2"])
    assert found[1].stop_id == "B2"
    assert quality.counts["stop_disagrees_moved"] == 1


def test_rule_18_an_unknown_stop_at_a_known_sequence_moves_nothing(quality: Quality) -> None:
    found = calls(trip_update("t", u(2, stop_id="nowhere", departure=60)), quality)
    assert (found[1].stop_id, departures(found)[1]) == ("b", "10:11:00")
    assert quality.counts["stop_disagrees_unknown"] == 1


def test_rule_20_an_assigned_stop_takes_the_call(quality: Quality) -> None:
    told = u(2, schedule_relationship="NO_DATA", stop_time_properties={"assigned_stop_id": "B2"})
    found = calls(trip_update("t", told), quality, others=["B2"])
    assert (found[1].stop_id, found[1].status) == ("B2", CallStatus.NO_DATA)
    assert quality.counts == {}


def test_t16_long_delays_are_told(quality: Quality) -> None:
    assert departures(calls(trip_update("t", u(1, departure=5400)), quality))[0] == "11:30:00"


def test_t8_canceled_is_listed_deleted_is_not(quality: Quality) -> None:
    canceled = trip_update("t", u(1, departure=60), schedule_relationship="CANCELED")
    assert call_statuses(calls(canceled, quality)) == ["canceled"] * 4
    assert departures(calls(canceled, quality)) == [None] * 4
    assert calls(trip_update("t", schedule_relationship="DELETED"), quality) == []


def test_an_unscheduled_trip_is_its_updates(quality: Quality) -> None:
    told: list[dict[str, Any]] = [
        {"stop_id": "a", "departure": "10:00:00"},
        {"stop_id": "nowhere", "arrival": "10:05:00"},
        {"stop_id": "b", "arrival": "10:09:00", "departure": "10:10:00"},
        {"stop_id": "c", "arrival": 60},
        {"stop_id": "d", "arrival": "10:30:00"},
    ]
    found = calls(trip_update("other", *told), quality)
    assert [call.stop_id for call in found] == ["a", "b", "d"]
    assert departures(found) == ["10:00:00", "10:10:00", "10:30:00"]
    assert [call.last for call in found] == [False, False, True]
    assert quality.counts["stop_unknown"] == 1
    assert quality.counts["stop_time_empty"] == 1


def test_visits_keep_their_names_as_past_ones_are_dropped(quality: Quality) -> None:
    told = [
        {"stop_id": "a", "departure": "10:00:00"},
        {"stop_id": "b", "departure": "10:05:00"},
        {"stop_id": "a", "departure": "10:10:00"},
    ]
    whole = [call.visit for call in calls(trip_update("other", *told), quality)]
    later = [call.visit for call in calls(trip_update("other", *told[1:]), quality)]
    assert len(set(whole)) == 3
    assert later == whole[1:]


def test_rule_20_an_assignment_beside_the_scheduled_stop_is_no_contradiction(
    quality: Quality,
) -> None:
    told = u(2, stop_id="b", departure=60, stop_time_properties={"assigned_stop_id": "B2"})
    found = calls(trip_update("t", told), quality, others=["B2"])
    assert found[1].stop_id == "B2"
    assert quality.counts == {}


def test_rule_20_headsign_and_boarding_of_a_stop_are_overridden(quality: Quality) -> None:
    properties = {"stop_headsign": "Depot", "pickup_type": "NONE", "drop_off_type": "REGULAR"}
    told = u(2, departure=60, stop_time_properties=properties)
    found = calls(trip_update("t", told), quality)
    assert (found[1].headsign, found[1].pickup_type, found[1].drop_off_type) == ("Depot", 1, 0)
    assert (found[2].headsign, found[2].pickup_type) == (None, 0)


def test_rule_27_uncertainty_is_told_as_given_but_not_without_data(quality: Quality) -> None:
    sure = u(1, departure={"delay": 60, "uncertainty": 0})
    unsure = u(2, departure={"delay": 60, "uncertainty": 240})
    silent = u(3, departure={"delay": 60, "uncertainty": 30}, schedule_relationship="NO_DATA")
    wrong = u(4, arrival={"delay": 60, "uncertainty": -1})
    found = calls(trip_update("t", sure, unsure, silent, wrong), quality)
    assert [call.uncertainty for call in found] == [0, 240, None, None]


def test_rule_26_without_exact_times_an_update_without_times_cannot_be_used(
    quality: Quality,
) -> None:
    every = {"t": (Frequency(0, 86_400, 600, exact=False),)}
    table = make_timetable({"t": FOUR}, frequencies=every)
    run = {"start_date": "20240514", "start_time": "10:00:00"}
    assert predicted(trip_update("t", **run), table, quality) is None
    assert predicted(trip_update("t", u(2, arrival=60), **run), table, quality) is None
    assert quality.counts == {"delay_unscheduled": 1}
    found = predicted(trip_update("t", u(2, arrival="10:11:00"), **run), table, quality)
    assert found is not None
    assert [(call.stop_id, call.departure) for call in found] == [("b", posix("10:11:00"))]


def test_an_empty_update_still_speaks_of_its_visit(quality: Quality) -> None:
    loop: list[Row] = [
        (0, "a", "10:00:00", "10:00:00"),
        (1, "b", "10:20:00", "10:20:00"),
        (2, "a", "10:30:00", "10:30:00"),
    ]
    told: list[dict[str, Any]] = [{"stop_id": "a"}, {"stop_id": "a", "arrival": 60}]
    found = calls(trip_update("t", *told), quality, loop)
    assert departures(found) == [None, None, "10:31:00"]


def test_rule_4_a_time_in_milliseconds_or_before_1970_is_no_time(quality: Quality) -> None:
    told = [u(1, departure={"time": posix("10:01:00") * 1000}), u(2, departure={"time": -1})]
    found = calls(trip_update("t", *told), quality)
    assert call_statuses(found) == ["scheduled"] * 4
    assert quality.counts == {"stop_time_empty": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"arrival": {"time": posix("10:09:00") * 1000}, "departure": 60},
        {"arrival": {"time": -1, "delay": 60}, "departure": 60},
        {"arrival": {}, "departure": 60},
    ],
    ids=["milliseconds", "before 1970, beside a delay", "empty"],
)
def test_a_bad_event_beside_a_good_one_is_counted_and_the_good_one_counts(
    wrong: dict[str, Any], quality: Quality
) -> None:
    found = calls(trip_update("t", u(2, **wrong)), quality)
    assert departures(found) == [None, "10:11:00", "10:21:00", "10:31:00"]
    assert quality.counts == {"stop_event_unusable": 1}
    assert quality.examples["stop_event_unusable"] == "t: stop_sequence 2, stop_id none"


def test_rule_7_what_is_left_out_beside_an_event_is_nothing_wrong(quality: Quality) -> None:
    told = [u(1, departure=0), u(2, arrival={"time": 0}, departure=60), u(3, arrival=60)]
    calls(trip_update("t", *told, u(4, schedule_relationship="SKIPPED")), quality)
    assert quality.counts == {}


def test_rule_21_times_where_there_is_said_to_be_no_data_are_ignored_and_counted(
    quality: Quality,
) -> None:
    told = u(2, arrival="10:30:00", departure=60, schedule_relationship="NO_DATA")
    bare = u(4, schedule_relationship="NO_DATA")
    found = calls(trip_update("t", u(1, departure=60), told, bare), quality)
    assert departures(found) == ["10:01:00", None, None, None]
    assert quality.counts == {"no_data_with_times": 1}


def test_rule_20_an_assigned_stop_that_nobody_knows_moves_nothing_and_is_counted(
    quality: Quality,
) -> None:
    elsewhere = {"stop_time_properties": {"assigned_stop_id": "nowhere"}}
    found = calls(trip_update("t", u(2, departure=60, **elsewhere)), quality)
    assert [call.stop_id for call in found] == ["a", "b", "c", "d"]
    assert departures(found) == [None, "10:11:00", "10:21:00", "10:31:00"]
    assert quality.examples == {"assigned_stop_unknown": "t: nowhere"}


def test_rule_26_a_trips_delay_is_nothing_without_a_schedule_and_counted(quality: Quality) -> None:
    update = trip_update("x", {"stop_id": "b", "arrival": "10:11:00"})
    update.delay = 600
    assert departures(calls(update, quality)) == ["10:11:00"]
    assert quality.counts == {"trip_unscheduled": 1, "delay_unscheduled": 1}
