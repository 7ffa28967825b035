"""The messages of gtfs-rt-validator-veodyn in order, beside what the reference validator finds.

Its schedule runs by headways, its messages speak of 2016-01-01 and its calendar has few services
on that day; so the messages are also read as if every service ran on every day and every run were
exact (`exact_times=1`): then their stop time updates come to something.
"""

import json
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from tests.conformance.test_reference import only, shown
from tests.reference.boards import boards
from tests.reference.schedule import read_schedule
from tests.schedules import load

SERIES = "gtfs-rt-validator-veodyn/conformance/bullrunner"
SCHEDULE = "gtfs-rt-validator-veodyn/gtfs/bullrunner-gtfs.zip"
DAY = date(2016, 1, 1)
SEVEN = 1451649600  # 07:00 in Tampa, when the runs begin that the messages speak of
RECEIVED = 1700000000  # by the series' manifest: one message a second

# By message: what we count, and the validator's rules that say the same.
FINDINGS: dict[str, tuple[dict[str, int], set[str]]] = {
    "01-empty-trip.pb": ({"trip_id_missing": 1}, {"W006"}),
    "02-unknown-ids.pb": ({"trip_unscheduled": 1, "stop_unknown": 1}, {"E003", "E011"}),
    "03-route-mismatch.pb": (
        {"route_disagrees": 1, "start_time_missing": 1},
        {"E035", "E006"},
    ),
    "04-added-and-formats.pb": ({"start_date_malformed": 1}, {"E021"}),
    "05-stop-time-updates.pb": ({"stop_time_empty": 2, "stop_not_in_trip": 1}, {"E040", "E043"}),
    "06-unsorted.pb": ({"stop_sequence_decreasing": 1}, {"E002"}),
    "07-repeated-sequence.pb": ({"stop_repeated": 1}, {"E036"}),
    "08-repeated-stop.pb": ({"stop_not_in_trip": 1}, {"E037"}),
    "09-gtfs-mismatch.pb": ({"stop_disagrees_moved": 1}, {"E045"}),
    "10-stop-time-ordering.pb": ({"times_decreasing": 2}, {"E022", "E025"}),
    "13-truncated.pb": ({"message_malformed": 1}, set()),
    "14-empty-file.pb": ({"message_empty": 1}, set()),
    "25-header-went-back.pb": ({"message_header_back": 1}, {"E018"}),
    "26-header-v2.pb": ({"entity_deleted": 1}, {"E039"}),
}


def every_day(path: Path, folder: Path) -> Path:
    """The schedule with all services on all days and all runs exact, half an hour apart."""
    changed = folder / "exact.zip"
    with ZipFile(path) as before, ZipFile(changed, "w") as after:
        for name in before.namelist():
            lines = before.read(name).decode().splitlines()
            if name == "calendar.txt":
                days = ",1,1,1,1,1,1,1,20150101,20201231"
                lines[1:] = [line.partition(",")[0] + days for line in lines[1:]]
            if name == "frequencies.txt":
                periods = [line.split(",") for line in lines[1:]]
                lines[1:] = [f"{trip},{begin},{end},1800,1" for trip, begin, end, *_ in periods]
            after.writestr(name, "\n".join(lines))
    return changed


@pytest.mark.parametrize("exact", [True, False])
def test_each_board_is_the_references(captures: Path, tmp_path: Path, *, exact: bool) -> None:
    path = captures / SCHEDULE
    path = every_day(path, tmp_path) if exact else path
    pipeline, schedule = Pipeline(load(path, DAY)), read_schedule(path)
    said: list[bytes] = []
    for second, file in enumerate(messages(captures)):
        data = file.read_bytes()
        try:
            pipeline.poll(0, data, RECEIVED + second)
            said = [data]
        except DecodeError:
            assert file.name[:2] in ("13", "14", "25", "26", "27")
        pipeline.changes(pipeline.pending(SEVEN), SEVEN)
        expected = boards(schedule, said, SEVEN, list(pipeline.timetable.dates))
        for stop_id, board in pipeline.boards.boards.items():
            assert not only(shown(board), expected[stop_id]), (file.name, stop_id)
            assert not only(expected[stop_id], shown(board)), (file.name, stop_id)


def test_what_is_counted_is_what_the_validator_finds(captures: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(load(every_day(captures / SCHEDULE, tmp_path), DAY))
    for second, file in enumerate(messages(captures)):
        before = Counter(pipeline.quality.counts)
        with suppress(DecodeError):
            pipeline.poll(0, file.read_bytes(), RECEIVED + second)
        counts, rules = FINDINGS.get(file.name, ({}, set()))
        counted = Counter(pipeline.quality.counts) - before
        assert counts.items() <= {kind: counted[kind] for kind in (*counted, *counts)}.items(), (
            file.name,
            counted,
        )
        assert rules <= found(file), file.name


def messages(captures: Path) -> list[Path]:
    found = sorted((captures / SERIES).glob("*.pb"))
    assert len(found) == 27
    return found


def found(file: Path) -> set[str]:
    results = file.with_name(f"{file.name}.results.json")
    if not results.exists():
        return set()
    told: list[Any] = json.loads(results.read_text())
    return {each["errorMessage"]["validationRule"]["errorId"] for each in told}
