"""The simulated agency: alive at any hour, truthful to itself, and the same each time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.transit.gtfs_realtime_pb2 import (
    FeedMessage,
    TripDescriptor,
    TripUpdate,
    VehiclePosition,
)

from feeds.sources.demo.city import BUSY_STOP
from feeds.sources.simulation.simulation import NAMES, Simulation

Call = TripUpdate.StopTimeUpdate
TODAY = date(2026, 6, 10)
NOON = int(datetime(2026, 6, 10, 19, tzinfo=UTC).timestamp())  # 12:00 in Los Angeles
BUSY = {f"{BUSY_STOP}-1", f"{BUSY_STOP}-2"}


@pytest.fixture(scope="module")
def simulation(load_demo: Any) -> Simulation:
    return Simulation(load_demo(TODAY), seed=1, interval=5)


def message(simulation: Simulation, name: str, time: float) -> FeedMessage:
    return FeedMessage.FromString(simulation.message(name, time))


def trip_updates(simulation: Simulation, time: float) -> list[TripUpdate]:
    return [entity.trip_update for entity in message(simulation, "trip-updates", time).entity]


def hours(step: int = 1) -> Iterator[int]:
    """POSIX times over the day in Los Angeles."""
    midnight = NOON - 12 * 3600
    return iter(range(midnight, midnight + 24 * 3600, step * 3600))


@pytest.mark.parametrize("name", NAMES)
def test_messages_depend_on_seed_and_time_alone(load_demo: Any, name: str) -> None:
    went_before = Simulation(load_demo(TODAY), seed=1, interval=5)
    for earlier in range(NOON - 120, NOON, 5):
        went_before.message(name, earlier)
    fresh = Simulation(load_demo(TODAY), seed=1, interval=5)
    assert went_before.message(name, NOON) == fresh.message(name, NOON)
    other = Simulation(load_demo(TODAY), seed=2, interval=5)
    assert any(other.message(name, time) != fresh.message(name, time) for time in hours())


def test_tomorrow_does_not_change_what_happened_today(load_demo: Any) -> None:
    midnight = NOON + 12 * 3600
    today = Simulation(load_demo(TODAY), seed=1, interval=5)
    tomorrow = Simulation(load_demo(date(2026, 6, 11)), seed=1, interval=5)
    for name in NAMES:
        assert today.message(name, midnight) == tomorrow.message(name, midnight)


def test_message_stands_for_one_interval(simulation: Simulation) -> None:
    first = simulation.message("trip-updates", NOON)
    assert simulation.message("trip-updates", NOON + 4.9) == first
    later = message(simulation, "trip-updates", NOON + 5)
    assert later.header.timestamp == NOON + 5
    assert later.SerializeToString() != first


def test_between_two_messages_most_trips_say_the_same(simulation: Simulation) -> None:
    before = {e.id: e.SerializeToString() for e in message(simulation, "trip-updates", NOON).entity}
    after = message(simulation, "trip-updates", NOON + 5).entity
    changed = [entity for entity in after if before.get(entity.id) != entity.SerializeToString()]
    assert 0 < len(changed) < len(after) / 2


@pytest.mark.parametrize("hour", range(24))
def test_busy_stop_has_a_changed_prediction_every_15_seconds(
    simulation: Simulation, hour: int
) -> None:
    def predictions(time: int) -> set[tuple[str, int, int]]:
        return {
            (update.trip.trip_id, call.arrival.time, call.departure.time)
            for update in trip_updates(simulation, time)
            for call in update.stop_time_update
            if call.stop_id in BUSY
        }

    begin = NOON - 12 * 3600 + hour * 3600
    for time in range(begin, begin + 120, 15):
        changed = predictions(time) ^ predictions(time + 15)
        assert changed, f"nothing changed from {time}"


def test_predictions_never_go_back_along_a_trip(simulation: Simulation) -> None:
    for time in hours():
        for update in trip_updates(simulation, time):
            times = [
                event.time
                for call in update.stop_time_update
                for event in (call.arrival, call.departure)
                if event.time
            ]
            assert times == sorted(times), update.trip.trip_id


def test_what_is_past_never_changes_and_what_is_to_come_is_not_past(simulation: Simulation) -> None:
    past: dict[tuple[str, int], int] = {}
    for time in range(NOON, NOON + 3600, 60):
        for update in trip_updates(simulation, time):
            for call in update.stop_time_update:
                key = (update.trip.trip_id, call.stop_sequence)
                if not call.HasField("departure"):
                    continue
                if call.departure.uncertainty == 0:
                    assert call.departure.time <= update.timestamp
                    assert past.setdefault(key, call.departure.time) == call.departure.time
                else:
                    assert key not in past
                    assert call.departure.time >= update.timestamp
    assert len(past) > 500


def test_the_whole_variety_is_seen_within_a_day(simulation: Simulation) -> None:
    canceled = skipped = early = late = on_time = 0
    for time in hours():
        for update in trip_updates(simulation, time):
            canceled += update.trip.schedule_relationship == TripDescriptor.CANCELED
            for call in update.stop_time_update:
                skipped += call.schedule_relationship == Call.SKIPPED
                delay = call.departure.delay
                early, late = early + (delay < -20), late + (delay > 240)
                on_time += abs(delay) <= 60
    assert canceled > 10
    assert skipped > 10
    assert early > 10
    assert late > 100
    assert on_time > late + early


def test_late_vehicle_recovers(simulation: Simulation) -> None:
    delays: dict[str, list[int]] = {}
    for time in range(NOON, NOON + 5400, 60):
        for update in trip_updates(simulation, time):
            if update.stop_time_update:
                next_call = update.stop_time_update[-1]
                delays.setdefault(update.trip.trip_id, []).append(next_call.arrival.delay)
    assert any(max(trip) > 180 and trip[-1] < max(trip) / 2 for trip in delays.values())


def test_late_vehicle_is_caught_up_with_by_its_follower(simulation: Simulation) -> None:
    """Somewhere in the day the gap between two neighbours shrinks to less than half (bunching)."""
    gaps: list[float] = []
    for time in hours():
        trips = {t.plan.instance: t for t in simulation.trips(time) if not t.canceled}
        for trip in trips.values():
            leader = trips.get(trip.plan.leader)
            if leader:
                pairs = zip(trip.actual, leader.actual, strict=True)
                gaps += [min(own - theirs for own, theirs in pairs) / trip.plan.headway]
    assert min(gaps) < 0.5
    assert min(gaps) > 0


def test_canceled_trip_is_announced_before_its_start_and_has_no_vehicle(
    simulation: Simulation,
) -> None:
    found = 0
    for time in hours():
        canceled = {
            update.trip.trip_id
            for update in trip_updates(simulation, time)
            if update.trip.schedule_relationship == TripDescriptor.CANCELED
        }
        moving = {
            entity.vehicle.trip.trip_id
            for entity in message(simulation, "vehicle-positions", time).entity
        }
        assert not canceled & moving
        found += len(canceled)
    assert found


def test_vehicle_moves_from_stop_to_stop(simulation: Simulation) -> None:
    stops = simulation.timetable.stops
    statuses = set()
    for entity in message(simulation, "vehicle-positions", NOON).entity:
        vehicle = entity.vehicle
        statuses.add(vehicle.current_status)
        there = stops[vehicle.stop_id]
        if vehicle.current_status == VehiclePosition.STOPPED_AT:
            assert vehicle.position.latitude == pytest.approx(there.lat, abs=1e-4)
            assert vehicle.position.longitude == pytest.approx(there.lon, abs=1e-4)
        assert 0 <= vehicle.position.bearing < 360
    assert statuses == {
        VehiclePosition.STOPPED_AT,
        VehiclePosition.IN_TRANSIT_TO,
        VehiclePosition.INCOMING_AT,
    }


def test_alerts_come_and_go_and_name_what_exists(simulation: Simulation) -> None:
    timetable = simulation.timetable
    seen: dict[str, list[int]] = {}
    for time in range(NOON, NOON + 6 * 3600, 300):
        for entity in message(simulation, "alerts", time).entity:
            seen.setdefault(entity.id, []).append(time)
            period = entity.alert.active_period[0]
            assert period.start <= time < period.end
            for selector in entity.alert.informed_entity:
                assert selector.route_id in timetable.routes or selector.stop_id in timetable.stops
            languages = {t.language for t in entity.alert.header_text.translation}
            assert languages == {"en", "es"}
    assert len(seen) > 5
    assert all(times[-1] - times[0] < 3600 for times in seen.values())


def test_what_is_remembered_does_not_grow_with_time(simulation: Simulation) -> None:
    sizes = []
    for time in hours(step=4):
        simulation.message("trip-updates", time)
        sizes.append(len(simulation.simulated))
    assert max(sizes) < 250
