"""oracles.json: propagation as other projects' tests expect it, case by case."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feeds.realtime.calls import Call, CallStatus
from feeds.realtime.predictions import predict
from feeds.realtime.quality import Quality
from feeds.realtime.trips import match
from tests import rules
from tests.conftest import CAPTURES
from tests.timetables import DAY, ZONE, make_timetable, posix, seconds, trip_update

ORACLES = CAPTURES.parent / "oracles.json"
CASES = {c["id"]: c for c in json.loads(ORACLES.read_text())["cases"]} if ORACLES.exists() else {}
# WIRE's words for the oracles'. A call without prediction is scheduled, or no_data where the feed
# says so; NOT_SKIPPED leaves either open.
STATES = {
    "PREDICTED": {CallStatus.PREDICTED},
    "NO_PREDICTION": {CallStatus.SCHEDULED, CallStatus.NO_DATA},
    "SKIPPED": {CallStatus.SKIPPED},
    "CANCELED": {CallStatus.CANCELED},
    "NOT_SKIPPED": {CallStatus.SCHEDULED, CallStatus.NO_DATA, CallStatus.PREDICTED},
}


def test_each_case_is_a_test(captures: Path) -> None:
    assert captures.exists()
    tests = {name for name, file in rules.test_names() if file.endswith(Path(__file__).name)}
    assert {f"test_{case.lower()}_oracle" for case in CASES} <= tests


@pytest.mark.parametrize("case", [
    "P01", "P02", "P03", "P04", "P05", "P06", "P11", "P12", "P13", "P14", "P15", "P16", "P17",
    "P22", "P23", "P25",
])  # fmt: skip
def test_oracle(case: str, captures: Path) -> None:
    assert captures.exists()
    told = CASES[case]
    day = date.fromisoformat(told.get("service_date", DAY.isoformat()))
    zone = ZoneInfo(told.get("tz", ZONE.key))
    rows = [(s["seq"], s["stop_id"], s["arr"], s["dep"]) for s in told["schedule"]]
    table = make_timetable({"t": rows}, days=[day + timedelta(n) for n in (-1, 0, 1)], zone=zone)
    trip = {"schedule_relationship": told.get("trip_schedule_relationship", "SCHEDULED")}
    updates = [_update(update, day, zone) for update in told["stus"]]
    message = trip_update("t", *updates, start_date=f"{day:%Y%m%d}", **trip)
    if "trip_update_delay" in told:
        message.delay = told["trip_update_delay"]
    note = Quality().note
    instance = match(message, table, posix("12:00:00", day, zone), note)
    assert instance is not None
    found = predict(instance, message, table, note)
    assert found is not None
    calls = {call.stop_sequence: call for call in found}
    for expected in told["expect"]:
        _check(calls[expected["seq"]], expected, posix("00:00:00", day, zone))


def _update(update: dict[str, Any], day: date, zone: ZoneInfo) -> dict[str, Any]:
    told = dict(update)
    for event in ("arrival", "departure"):
        if event in told:
            told[event] = _event(told[event], day, zone)
    return told


def _event(event: dict[str, Any], day: date, zone: ZoneInfo) -> dict[str, int]:
    if "local" in event:
        return {"time": posix(event["local"], day, zone)}
    if "posix_utc" in event:
        return {"time": event["posix_utc"]}
    return {name: value for name, value in event.items() if name in ("delay", "time")}


def _check(call: Call, expected: dict[str, Any], zero: int) -> None:
    if "state" in expected:
        assert call.status in STATES[expected["state"]]
    else:
        assert call.status is CallStatus.PREDICTED
    for name, event, scheduled in (
        ("arr", call.arrival, call.scheduled_arrival),
        ("dep", call.departure, call.scheduled_departure),
    ):
        # P05 and P06, peers' choice: ours is transitland's (docs/decisions/0005).
        local = expected.get(name, expected.get(f"{name}_transitland"))
        if local is not None:
            assert event == zero + seconds(local)
        if f"{name}_delay" in expected:
            delay = None if event is None or scheduled is None else event - scheduled
            assert delay == expected[f"{name}_delay"]
