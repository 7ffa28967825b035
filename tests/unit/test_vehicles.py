"""Vehicles on boards: how far away they are, and what they have left behind."""

from collections.abc import Iterable
from typing import Any

import pytest
from google.protobuf import json_format
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripUpdate

from feeds.realtime.boards import Change
from feeds.realtime.pipeline import Pipeline
from schemas import merge_patch
from schemas.arrivals import Arrival
from tests.timetables import make_timetable, posix, stop, trip_update

STOPS = [stop("north", location_type=1), stop("s1", "north"), *(stop(f"s{n}") for n in range(2, 9))]
WAY = [(n * 10, f"s{n}", f"10:{n * 5:02}:00", f"10:{n * 5:02}:00") for n in range(1, 9)]
LOOP = [(1, "s1", "10:00:00", "10:00:00"), (2, "s2", "10:10:00", "10:10:00")]
LOOP += [(3, "s1", "10:20:00", "10:20:00"), (4, "s2", "10:30:00", "10:30:00")]
NOW = posix("10:04:00")

Entity = dict[str, Any] | TripUpdate


def said(*entities: Entity, timestamp: int = NOW) -> bytes:
    feed = FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = timestamp
    for number, told in enumerate(entities):
        entity = feed.entity.add(id=str(number))
        if isinstance(told, TripUpdate):
            entity.trip_update.CopyFrom(told)
        else:
            json_format.ParseDict(told, entity.vehicle)
    return feed.SerializeToString()


def vehicle(stop_sequence: int | None, status: str = "IN_TRANSIT_TO", **told: Any) -> Entity:
    """The vehicle of trip `t`, now; `told` is of the VehiclePosition."""
    seen: dict[str, Any] = {
        "trip": {"trip_id": "t"},
        "vehicle": {"id": "bus 7", "label": "7"},
        "position": {"latitude": 52.5, "longitude": 13.4, "bearing": 90},
        "timestamp": NOW,
        **told,
    }
    if stop_sequence is not None:
        seen |= {"current_stop_sequence": stop_sequence, "current_status": status}
    return {member: value for member, value in seen.items() if value is not None}


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(make_timetable({"t": WAY}, stops=STOPS))


def poll(pipeline: Pipeline, *entities: Entity, now: int = NOW, endpoint: int = 0) -> None:
    pipeline.poll(endpoint, said(*entities, timestamp=now), now)
    changes(pipeline, now)


def changes(pipeline: Pipeline, now: int = NOW) -> dict[str, Change]:
    found = pipeline.changes(pipeline.pending(now), now)
    for change in found:
        assert merge_patch.apply(change.before or {}, change.patch) == change.after or (
            change.before is None
        )
    return {change.stop_id: change for change in found}


def arrival(pipeline: Pipeline, stop_id: str, visit: int = 0) -> Arrival:
    arrivals = sorted(
        pipeline.boards.boards[stop_id]["arrivals"].values(), key=lambda a: a["stop_sequence"]
    )
    return arrivals[visit]


def away(pipeline: Pipeline, stop_ids: Iterable[str] | None = None) -> list[int | str | None]:
    """Per stop, the stops that the vehicle is away, else `departed`, else None."""
    found: list[int | str | None] = []
    for stop_id in stop_ids or [f"s{n}" for n in range(1, 9)]:
        told = arrival(pipeline, stop_id)
        found.append("departed" if told["status"] == "departed" else told.get("stops_away"))
    return found


# -- how far away, and what was passed ----------------------------------------------------------


def test_rule_41_stops_away_counts_from_the_stop_that_comes_next(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20))
    assert away(pipeline) == ["departed", 0, 1, 2, 3, 4, 5, None]
    assert arrival(pipeline, "s2")["status"] == "scheduled"  # a vehicle predicts nothing
    assert "departure" not in arrival(pipeline, "s2")


def test_stops_away_counts_anew_where_a_stop_before_is_skipped(pipeline: Pipeline) -> None:
    on_time = {"stop_sequence": 20, "departure": 0}
    poll(pipeline, vehicle(20), trip_update("t", on_time))
    assert away(pipeline) == ["departed", 0, 1, 2, 3, 4, 5, None]
    skipped = {"stop_sequence": 30, "schedule_relationship": "SKIPPED"}
    poll(pipeline, vehicle(20), trip_update("t", on_time, skipped), now=NOW + 1)
    assert away(pipeline) == ["departed", 0, None, 1, 2, 3, 4, 5]


def test_a_vehicle_is_told_while_at_most_five_stops_away(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20, "INCOMING_AT", occupancy_status="FEW_SEATS_AVAILABLE"))
    assert arrival(pipeline, "s7")["vehicle"] == {
        "id": "bus 7",
        "label": "7",
        "lat": 52.5,
        "lon": 13.4,
        "bearing": 90,
        "status": "incoming_at",
        "timestamp": NOW,
        "occupancy": "few_seats_available",
    }
    assert "vehicle" not in arrival(pipeline, "s1")
    assert "vehicle" not in arrival(pipeline, "s8")


def test_a_vehicle_tells_a_departure_before_the_clock_does(pipeline: Pipeline) -> None:
    early = trip_update("t", {"stop_sequence": 10, "departure": 0})
    poll(pipeline, early, vehicle(10, "STOPPED_AT"))
    assert arrival(pipeline, "s1")["status"] == "predicted"
    poll(pipeline, early, vehicle(20, timestamp=NOW + 20), now=NOW + 20)
    assert posix("10:05:00") > NOW + 20
    assert arrival(pipeline, "s1")["status"] == "departed"
    assert arrival(pipeline, "north")["status"] == "departed"


def test_what_was_passed_is_predicted_no_later_than_it_was_seen_to_be(pipeline: Pipeline) -> None:
    late = trip_update("t", {"stop_sequence": 10, "departure": 600})
    poll(pipeline, late, vehicle(10, "STOPPED_AT"))
    assert arrival(pipeline, "s1")["departure"] == posix("10:15:00")
    poll(pipeline, late, vehicle(30, timestamp=NOW + 20), now=NOW + 30)
    for stop_id, scheduled in (("s1", "10:05:00"), ("north", "10:05:00"), ("s2", "10:10:00")):
        told = arrival(pipeline, stop_id)
        assert told["status"] == "departed"
        assert told["departure"] == NOW + 20
        assert told["delay"] == NOW + 20 - posix(scheduled)
    assert arrival(pipeline, "s2")["arrival"] == NOW + 20
    assert arrival(pipeline, "s3")["departure"] == posix("10:25:00")


def test_the_first_sighting_further_on_tells_when_and_later_ones_change_nothing(
    pipeline: Pipeline,
) -> None:
    late = trip_update("t", {"stop_sequence": 10, "departure": 600})
    poll(pipeline, late, vehicle(20))
    first = arrival(pipeline, "s1")
    assert first["departure"] == NOW
    poll(pipeline, late, vehicle(30, timestamp=NOW + 60), now=NOW + 60)
    later = trip_update("t", {"stop_sequence": 10, "departure": 900})
    poll(pipeline, later, vehicle(40, timestamp=NOW + 90), now=NOW + 90)
    assert arrival(pipeline, "s1") == first
    assert arrival(pipeline, "s2")["departure"] == NOW + 60
    poll(pipeline, later, vehicle(10, timestamp=NOW + 100), now=NOW + 100)  # it was not so
    assert arrival(pipeline, "s1")["departure"] == posix("10:20:00")
    poll(pipeline, later, vehicle(20, timestamp=NOW + 110), now=NOW + 110)
    assert arrival(pipeline, "s1")["departure"] == NOW + 110


def test_rule_28_what_was_passed_keeps_its_time_when_its_update_is_dropped(
    pipeline: Pipeline,
) -> None:
    on = [{"stop_sequence": 10, "departure": 60}, {"stop_sequence": 20, "departure": 60}]
    poll(pipeline, trip_update("t", *on), vehicle(20))
    first = arrival(pipeline, "s1")
    assert first["departure"] == NOW
    poll(pipeline, trip_update("t", on[1]), vehicle(20, timestamp=NOW + 30), now=NOW + 30)
    assert arrival(pipeline, "s1") == first
    changes(pipeline, posix("10:07:00"))
    assert arrival(pipeline, "s1") == first
    changes(pipeline, posix("10:07:01"))  # two minutes after it was scheduled
    assert pipeline.boards.boards["s1"]["arrivals"] == {}


def test_what_is_predicted_to_lie_in_the_past_stays_as_predicted(pipeline: Pipeline) -> None:
    early = trip_update("t", {"stop_sequence": 10, "departure": -120})
    poll(pipeline, early, vehicle(20))
    assert arrival(pipeline, "s1")["departure"] == posix("10:03:00")
    assert arrival(pipeline, "s1")["delay"] == -120


def test_rule_41_a_call_without_prediction_gets_none_by_being_passed(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20))
    assert arrival(pipeline, "s1")["status"] == "departed"
    assert not {"arrival", "departure", "delay"} & arrival(pipeline, "s1").keys()


@pytest.mark.parametrize("timestamp", [NOW + 200, None], ids=["ahead", "undated"])
def test_nothing_is_passed_before_the_sighting_came(
    pipeline: Pipeline, timestamp: int | None
) -> None:
    late = trip_update("t", {"stop_sequence": 10, "departure": 600})
    poll(pipeline, late, vehicle(20, timestamp=timestamp))
    assert arrival(pipeline, "s1")["departure"] == NOW


def test_rule_28_where_the_vehicle_stands_at_the_end_it_has_arrived_by_then(
    pipeline: Pipeline,
) -> None:
    late = trip_update("t", {"stop_sequence": 10, "departure": 600})
    poll(pipeline, late, vehicle(80, "STOPPED_AT"))
    assert arrival(pipeline, "s8")["arrival"] == NOW
    assert arrival(pipeline, "s8")["delay"] == NOW - posix("10:40:00")


def test_rule_28_a_stop_passed_early_stays_until_its_scheduled_time(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20))
    changes(pipeline, posix("10:07:00"))
    assert arrival(pipeline, "s1")["status"] == "departed"
    changes(pipeline, posix("10:07:01"))
    assert pipeline.boards.boards["s1"]["arrivals"] == {}


def test_the_clock_departs_nobody_while_the_vehicle_is_still_to_come(pipeline: Pipeline) -> None:
    now = posix("10:05:10")
    poll(pipeline, vehicle(10, timestamp=now), now=now)
    assert away(pipeline, ["s1"]) == [0]
    assert arrival(pipeline, "s1")["status"] == "scheduled"
    changes(pipeline, now + 90)
    assert away(pipeline, ["s1"]) == [0]
    assert "s1" in changes(pipeline, now + 91)  # it has not been seen for too long
    assert away(pipeline, ["s1"]) == ["departed"]


def test_a_vehicle_that_turns_up_late_brings_a_departed_call_back(pipeline: Pipeline) -> None:
    now = posix("10:05:30")
    changes(pipeline, now)
    assert away(pipeline, ["s1"]) == ["departed"]
    poll(pipeline, vehicle(10, timestamp=now), now=now)
    assert away(pipeline, ["s1"]) == [0]


def test_rule_28_a_vehicle_that_stands_at_the_last_stop_has_arrived(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(80, "INCOMING_AT"))
    assert away(pipeline, ["s7", "s8"]) == ["departed", 0]
    poll(pipeline, vehicle(80, "STOPPED_AT"), now=NOW + 1)
    assert away(pipeline, ["s7", "s8"]) == ["departed", "departed"]


def test_skipped_stops_do_not_count_and_canceled_ones_have_no_vehicle(pipeline: Pipeline) -> None:
    skips = {"stop_sequence": 30, "schedule_relationship": "SKIPPED"}
    poll(pipeline, trip_update("t", skips), vehicle(20))
    assert away(pipeline) == ["departed", 0, None, 1, 2, 3, 4, 5]
    assert arrival(pipeline, "s3")["status"] == "skipped"
    poll(pipeline, trip_update("t", schedule_relationship="CANCELED"), vehicle(20), now=NOW + 1)
    assert away(pipeline) == [None] * 8
    assert {arrival(pipeline, f"s{n}")["status"] for n in range(1, 9)} == {"canceled"}


def test_rule_41_a_status_without_stop_sequence_says_nothing(pipeline: Pipeline) -> None:
    by_id = vehicle(None, stop_id="s8", current_status="STOPPED_AT")
    poll(pipeline, by_id)
    assert away(pipeline, ["s7", "s8"]) == ["departed", 0]
    assert "status" not in arrival(pipeline, "s8")["vehicle"]


def test_a_loop_by_stop_id_is_the_visit_nearest_in_time() -> None:
    loop = Pipeline(make_timetable({"t": LOOP}, stops=STOPS))
    now = posix("10:18:00")
    poll(loop, vehicle(None, stop_id="s1", timestamp=now), now=now)
    assert arrival(loop, "s1").get("stops_away") == 0  # the first visit has left the board
    assert arrival(loop, "s1")["stop_sequence"] == 3
    assert arrival(loop, "s2")["stop_sequence"] == 4
    assert arrival(loop, "s2").get("stops_away") == 1


def test_a_vehicle_at_an_unknown_place_or_of_an_unknown_trip_says_nothing(
    pipeline: Pipeline,
) -> None:
    poll(pipeline, vehicle(99), vehicle(20, trip={"trip_id": "other"}))
    assert away(pipeline) == [None] * 8
    assert pipeline.quality.examples == {"vehicle_off_trip": "bus 7: trip t, stop_id none"}


def test_a_vehicle_of_a_trip_that_does_not_run_is_counted_once(pipeline: Pipeline) -> None:
    never = {"trip_id": "t", "start_date": "20300101"}
    poll(pipeline, vehicle(20, trip=never))
    poll(pipeline, vehicle(30, trip=never, timestamp=NOW + 1), now=NOW + 1)
    assert pipeline.quality.counts == {"vehicle_trip_unmatched": 1}


def test_a_vehicle_that_tells_no_stop_is_nothing_wrong(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(None))
    assert pipeline.quality.counts == {}


# -- which vehicle, and how old ------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_of_two_sightings_wins_in_any_order(
    pipeline: Pipeline, order: Iterable[int]
) -> None:
    sightings = [vehicle(20, timestamp=NOW - 10), vehicle(30, timestamp=NOW - 5)]
    for endpoint in order:
        poll(pipeline, sightings[endpoint], endpoint=endpoint)
    assert away(pipeline, ["s2", "s3"]) == ["departed", 0]


def test_rule_6_a_sighting_counts_for_90_seconds_and_what_was_passed_stays_so(
    pipeline: Pipeline,
) -> None:
    poll(pipeline, vehicle(20))
    changes(pipeline, NOW + 90)
    assert away(pipeline, ["s2"]) == [0]
    touched = changes(pipeline, NOW + 91)
    assert touched.keys() == {f"s{n}" for n in range(2, 8)}
    assert away(pipeline) == ["departed", *[None] * 7]


def test_rule_6_a_sighting_that_takes_back_a_newer_one_counts_for_its_own_90_seconds(
    pipeline: Pipeline,
) -> None:
    poll(pipeline, vehicle(20, timestamp=NOW))
    changes(pipeline)
    poll(pipeline, vehicle(20, timestamp=NOW - 40))
    changes(pipeline, NOW + 51)
    assert away(pipeline, ["s2"]) == [None]


def test_rule_6_sightings_that_are_too_old_are_withdrawn(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20, timestamp=NOW - 50))
    pipeline.withdraw_older(0, NOW - 50)
    changes(pipeline)
    assert away(pipeline, ["s2"]) == [0]
    pipeline.withdraw_older(0, NOW - 49)
    changes(pipeline)
    assert away(pipeline, ["s2"]) == [None]
    assert "vehicle_expired" in pipeline.quality.report()


def test_an_endpoint_that_is_withdrawn_takes_its_vehicles_with_it(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20), endpoint=1)
    assert away(pipeline, ["s2"]) == [0]
    pipeline.withdraw(1)
    changes(pipeline)
    assert away(pipeline, ["s2"]) == [None]


def test_t9_a_vehicle_that_is_gone_from_a_full_dataset_says_nothing_more(
    pipeline: Pipeline,
) -> None:
    poll(pipeline, vehicle(20))
    poll(pipeline, now=NOW + 1)
    assert away(pipeline, ["s2", "s3"]) == [None, None]


def test_an_undated_sighting_is_as_old_as_its_message(pipeline: Pipeline) -> None:
    undated = vehicle(20, timestamp=None)
    poll(pipeline, undated)
    poll(pipeline, undated, now=NOW + 60)
    changes(pipeline, NOW + 150)
    assert away(pipeline, ["s2"]) == [0]
    changes(pipeline, NOW + 151)
    assert away(pipeline, ["s2"]) == [None]


def test_a_sighting_from_the_future_is_not_believed(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20, timestamp=NOW * 1000))  # validator E001: milliseconds
    assert away(pipeline, ["s2"]) == [None]
    assert "vehicle_ahead" in pipeline.quality.report()


def test_a_vehicle_is_found_by_the_id_that_the_trip_update_names(pipeline: Pipeline) -> None:
    update = trip_update("t", {"stop_sequence": 10, "departure": 0})
    update.vehicle.id = "bus 7"
    poll(pipeline, vehicle(20, trip=None), update)
    assert away(pipeline, ["s2", "s3"]) == [0, 1]
    poll(pipeline, vehicle(30, trip={"trip_id": "other"}), update, now=NOW + 1)
    assert away(pipeline, ["s2", "s3"]) == ["departed", 0]


def test_rule_15_of_a_block_the_vehicle_is_on_the_first_trip_that_is_not_over() -> None:
    then = [(1, "s8", "11:00:00", "11:00:00"), (2, "s2", "11:10:00", "11:10:00")]
    block = Pipeline(make_timetable({"t": WAY, "u": then}, stops=STOPS))
    updates = [trip_update("t", {"stop_sequence": 10, "departure": 0}),
               trip_update("u", {"stop_sequence": 1, "departure": 0})]  # fmt: skip
    for update in updates:
        update.vehicle.id = "bus 7"
    poll(block, *updates, vehicle(None, trip=None, stop_id="s2"))
    assert arrival(block, "s2")["trip_id"] == "u"  # stop_sequence 2 …
    assert arrival(block, "s2").get("stops_away") is None
    assert arrival(block, "s2", 1).get("stops_away") == 0  # … and 20


def test_trips_of_a_block_may_be_deleted_or_go_together() -> None:
    block = Pipeline(make_timetable({"t": WAY, "u": WAY}, stops=STOPS))
    deleted = [trip_update(name, schedule_relationship="DELETED") for name in ("t", "u")]
    running = [trip_update(name, {"stop_sequence": 10, "departure": 0}) for name in ("t", "u")]
    for update in (*deleted, *running):
        update.vehicle.id = "bus 7"
    seen = vehicle(20, trip=None)
    for n, updates in enumerate((running, deleted, running, [])):
        poll(block, *updates, seen, now=NOW + n)
        near = {a.get("stops_away") for a in block.boards.boards["s2"]["arrivals"].values()}
        assert near == [{0, None}, set(), {0, None}, {None}][n]


def test_nyct_a_vehicle_without_position_on_a_trip_without_stop_sequences() -> None:
    subway = Pipeline(make_timetable({"t": WAY}, stops=STOPS))
    told = trip_update(
        "064350_A..N",
        {"stop_id": "s2", "departure": "10:06:00"},
        {"stop_id": "s3", "arrival": "10:11:00"},
        route_id="r",
    )
    seen = vehicle(
        17, "STOPPED_AT", stop_id="s2", position=None, vehicle=None,
        trip={"trip_id": "064350_A..N", "route_id": "r"},
    )  # fmt: skip
    poll(subway, told, seen)
    [train] = [a for a in subway.boards.boards["s3"]["arrivals"].values() if a["trip_id"] != "t"]
    assert train["stops_away"] == 1
    assert train["vehicle"] == {"status": "stopped_at", "timestamp": NOW}


# -- boards do not churn -------------------------------------------------------------------------


def test_a_vehicle_that_only_moves_touches_no_board_and_publishes_nothing(
    pipeline: Pipeline,
) -> None:
    update = trip_update("t", {"stop_sequence": 10, "departure": 0})
    poll(pipeline, update, vehicle(20))
    moved = vehicle(20, timestamp=NOW + 30, position={"latitude": 52.6, "longitude": 13.4})
    changes(pipeline, NOW + 30)  # what the window brings
    pipeline.poll(0, said(update, moved, timestamp=NOW + 30), NOW + 30)
    assert pipeline.pending(NOW + 30) == []
    # Nor where the trip is told anew, with what was known.
    update.timestamp = NOW + 30
    pipeline.poll(0, said(update, moved, timestamp=NOW + 31), NOW + 31)
    assert pipeline.pending(NOW + 31) == []
    pipeline.boards.touch_stops(pipeline.boards.stop_ids)
    assert changes(pipeline, NOW + 31) == {}


def test_a_vehicles_position_comes_along_with_another_change(pipeline: Pipeline) -> None:
    on = [{"stop_sequence": 10, "departure": 0}, {"stop_sequence": 30, "departure": 0}]
    poll(pipeline, trip_update("t", *on), vehicle(20))
    moved = vehicle(20, timestamp=NOW + 30, position={"latitude": 52.6, "longitude": 13.4})
    on[1] = {"stop_sequence": 30, "departure": 60}
    pipeline.poll(0, said(trip_update("t", *on), moved, timestamp=NOW + 30), NOW + 30)
    told = changes(pipeline, NOW + 30)
    assert "s2" not in told  # its prediction is what it was
    assert "lat" in str(told["s3"].patch)
    assert arrival(pipeline, "s3")["vehicle"]["lat"] == 52.6
    assert arrival(pipeline, "s2")["vehicle"]["lat"] == 52.5


def test_quiet_a_held_prediction_does_not_move_with_its_vehicle() -> None:
    quiet = Pipeline(make_timetable({"t": WAY}, stops=STOPS), quiet=30)
    poll(quiet, trip_update("t", {"stop_sequence": 20, "departure": 0}), vehicle(20))
    moved = vehicle(20, timestamp=NOW + 5, position={"latitude": 52.6, "longitude": 13.4})
    later = trip_update("t", {"stop_sequence": 20, "departure": 5})
    quiet.poll(0, said(later, moved, timestamp=NOW + 5), NOW + 5)
    assert changes(quiet, NOW + 5) == {}


def test_coming_in_is_told_at_once_where_it_comes_in_and_nowhere_else(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20))
    coming = said(vehicle(20, "INCOMING_AT", timestamp=NOW + 1), timestamp=NOW + 1)
    pipeline.poll(0, coming, NOW + 1)
    assert changes(pipeline, NOW + 1).keys() == {"s2"}
    assert arrival(pipeline, "s2")["vehicle"]["status"] == "incoming_at"


def test_only_stops_where_the_vehicle_makes_a_difference_are_touched(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20))
    pipeline.poll(0, said(vehicle(30, timestamp=NOW + 1), timestamp=NOW + 1), NOW + 1)
    assert pipeline.pending(NOW + 1) == [f"s{n}" for n in range(2, 9)]


def test_the_order_of_update_and_vehicle_does_not_matter(pipeline: Pipeline) -> None:
    other = Pipeline(pipeline.timetable)
    update = trip_update("t", {"stop_sequence": 10, "departure": 60})
    for each, order in ((pipeline, (0, 1)), (other, (1, 0))):
        for endpoint in order:
            poll(each, (update, vehicle(20))[endpoint], endpoint=endpoint)
    assert pipeline.boards.boards == other.boards.boards


# -- occupancy -----------------------------------------------------------------------------------


def test_rule_40_departure_occupancy_is_that_of_its_stop(pipeline: Pipeline) -> None:
    seats = {"stop_sequence": 20, "departure": 0, "departure_occupancy_status": "FULL"}
    none = {
        "stop_sequence": 30,
        "departure": 0,
        "departure_occupancy_status": "NO_DATA_AVAILABLE",
    }
    poll(pipeline, trip_update("t", seats, none))
    assert arrival(pipeline, "s2")["occupancy"] == "full"
    assert "occupancy" not in arrival(pipeline, "s3")
    assert "occupancy" not in arrival(pipeline, "s1")


def test_rule_40_an_added_trip_tells_how_full_it_will_be(pipeline: Pipeline) -> None:
    call = {"stop_id": "s2", "stop_sequence": 1, "arrival": "10:06:00"}
    extra = trip_update(
        "x", {**call, "departure_occupancy_status": "FULL"}, schedule_relationship="ADDED"
    )
    poll(pipeline, extra)
    assert arrival(pipeline, "s2")["occupancy"] == "full"


def test_rule_40_occupancy_comes_with_no_data_too(pipeline: Pipeline) -> None:
    unknown = {
        "stop_sequence": 20,
        "schedule_relationship": "NO_DATA",
        "departure_occupancy_status": "STANDING_ROOM_ONLY",
    }
    poll(pipeline, trip_update("t", unknown))
    assert arrival(pipeline, "s2")["status"] == "no_data"
    assert arrival(pipeline, "s2")["occupancy"] == "standing_room_only"


def test_a_vehicles_occupancy_is_told_near_it_unless_the_stop_has_its_own(
    pipeline: Pipeline,
) -> None:
    seats = {"stop_sequence": 30, "departure": 0, "departure_occupancy_status": "FULL"}
    poll(pipeline, trip_update("t", seats), vehicle(20, occupancy_status="EMPTY"))
    assert arrival(pipeline, "s2")["occupancy"] == "empty"
    assert arrival(pipeline, "s3")["occupancy"] == "full"
    assert "occupancy" not in arrival(pipeline, "s8")
    seen = vehicle(20, occupancy_status="NO_DATA_AVAILABLE", timestamp=NOW + 1)
    poll(pipeline, trip_update("t", seats), seen, now=NOW + 1)
    assert "occupancy" not in arrival(pipeline, "s2")
    assert "occupancy" not in arrival(pipeline, "s2")["vehicle"]


def test_carriages_are_told_in_the_order_of_the_train(pipeline: Pipeline) -> None:
    carriages = [
        {"id": "c1", "label": "A", "occupancy_status": "EMPTY", "occupancy_percentage": 0,
         "carriage_sequence": 1},
        {"occupancy_status": "NO_DATA_AVAILABLE", "carriage_sequence": 2},
    ]  # fmt: skip
    poll(pipeline, vehicle(20, multi_carriage_details=carriages))
    assert arrival(pipeline, "s2")["vehicle"]["carriages"] == [
        {"id": "c1", "label": "A", "occupancy": "empty", "occupancy_percentage": 0,
         "carriage_sequence": 1},
        {"carriage_sequence": 2},
    ]  # fmt: skip


@pytest.mark.parametrize("lat", [0.0, 91.0, "NaN"])
def test_a_position_that_is_none_is_not_told_but_counted(pipeline: Pipeline, lat: Any) -> None:
    poll(pipeline, vehicle(20, position={"latitude": lat, "longitude": 0.0}))
    assert arrival(pipeline, "s2")["stops_away"] == 0
    assert not {"lat", "lon"} & arrival(pipeline, "s2")["vehicle"].keys()
    assert pipeline.quality.examples == {"vehicle_off_globe": "bus 7: trip t, stop_id none"}


def test_a_bearing_that_is_no_number_is_not_told_but_counted(pipeline: Pipeline) -> None:
    poll(pipeline, vehicle(20, position={"latitude": 1.0, "longitude": 2.0, "bearing": "NaN"}))
    seen = arrival(pipeline, "s2")["vehicle"]
    assert "bearing" not in seen
    assert (seen["lat"], seen["lon"]) == (1.0, 2.0)
    assert pipeline.quality.counts == {"vehicle_off_globe": 1}
