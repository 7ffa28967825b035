"""The messages of gtfs-rt-validator-veodyn in order, beside what the reference validator finds.

Most of their schedules run by headways, the messages speak of 2016-01-01 and the calendars have few
services on that day; so those are also read as if every service ran on every day and every run were
exact (`exact_times=1`): then their stop time updates come to something.
"""

import json
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest

from feeds.realtime.decode import DecodeError
from feeds.realtime.pipeline import Pipeline
from tests.reference.boards import boards
from tests.reference.comparison import agree
from tests.reference.schedule import read_schedule
from tests.schedules import load

FOLDER = "gtfs-rt-validator-veodyn"
NEW_YEAR = date(2016, 1, 1)
SEVEN = 1451649600  # 07:00 in Tampa, when the runs begin that the messages speak of


class Series(NamedTuple):
    """`received`: when the first message came, by the series' manifest; then one a second.

    `looked_at`: when the boards are, by what the messages speak of.
    """

    folder: str
    schedule: str
    size: int
    looked_at: int
    day: date = NEW_YEAR
    received: int = 1700000000
    exact: bool = False


BULLRUNNER = Series("conformance/bullrunner", "bullrunner-gtfs", 27, SEVEN)
PLACES = Series("conformance/bullrunner-ignoring-shapes", "bullrunner-gtfs", 2, SEVEN)
MIDNIGHT = Series("conformance/testagency2", "testagency2", 2, 1451624700)  # trip 1.1 begins then
MORNING = MIDNIGHT._replace(looked_at=1451646000)  # 06:00, when the first run of trip 15.1 does
TIMEPOINTS = Series(
    "conformance/timepoints",
    "bullrunner-gtfs-timepoints-only-legacy-exact-times-1",
    1,
    SEVEN,
)
# Its headers are of 2017, so it is received then.
JAR = Series("jar", "testagency", 8, 1500000000, date(2017, 7, 13), 1500000000)
ALL = [
    BULLRUNNER,
    BULLRUNNER._replace(exact=True),
    PLACES._replace(exact=True),
    MIDNIGHT,
    MORNING,
    TIMEPOINTS,
    TIMEPOINTS._replace(exact=True),
    JAR,
]
COUNTED = [each for each in ALL if each not in (BULLRUNNER, MORNING, TIMEPOINTS)]

# By message: all that we count, and the validator's rules that say the same.
FINDINGS: dict[str, tuple[dict[str, int], set[str]]] = {
    "01-empty-trip.pb": ({"trip_id_missing": 1}, {"W006"}),
    "02-unknown-ids.pb": ({"trip_unscheduled": 1, "stop_unknown": 1}, {"E003", "E011"}),
    "03-route-mismatch.pb": ({"route_disagrees": 1, "start_time_missing": 1}, {"E035", "E006"}),
    "04-added-and-formats.pb": (
        {
            "start_date_malformed": 1,
            "start_time_malformed": 1,
            "start_time_missing": 1,
            "stop_time_empty": 1,
        },
        {"E021", "E020"},
    ),
    "05-stop-time-updates.pb": (
        {
            "stop_time_empty": 2,
            "stop_not_in_trip": 1,
            "no_data_with_times": 1,
            "stop_event_unusable": 1,
        },
        {"E043", "E044", "E040", "E042"},
    ),
    "06-unsorted.pb": ({"stop_sequence_decreasing": 1}, {"E002"}),
    "07-repeated-sequence.pb": ({"stop_repeated": 1}, {"E036"}),
    "08-repeated-stop.pb": ({"stop_not_in_trip": 1}, {"E037"}),
    "09-gtfs-mismatch.pb": (
        {"stop_disagrees_moved": 1, "stop_not_in_trip": 1},
        {"E045", "E051"},
    ),
    "10-stop-time-ordering.pb": ({"times_decreasing": 2}, {"E022", "E025"}),
    "11-out-of-range-times.pb": ({"trip_update_ahead": 2}, {"E050"}),
    "13-truncated.pb": ({"message_malformed": 1}, set()),
    "14-empty-file.pb": ({"message_empty": 1}, set()),
    "16-alerts-without-specifiers.pb": ({"alert_entity_empty": 2}, {"E032", "E033"}),
    "17-alerts-that-disagree.pb": (
        {"alert_entity_empty": 1, "alert_entity_unknown": 1},
        {"E030", "E031", "E034", "E035"},
    ),
    "18-invalid-positions.pb": ({"vehicle_off_globe": 1}, {"E026"}),
    "22-crossfeed-many.pb": (
        {
            "stop_disagrees_moved": 10,
            "trip_not_running": 12,
            "trip_update_repeated": 36,
            "vehicle_trip_unmatched": 3,
        },
        {"E045"},
    ),
    "25-header-went-back.pb": ({"message_header_back": 1}, {"E018"}),
    "26-header-v2.pb": ({"message_header_back": 1, "entity_deleted": 1}, {"E039"}),
    "27-stale-unknown-version.pb": ({"message_header_back": 1}, {"W008"}),
    "01-direction-and-locations.pb": ({"start_time_disagrees": 1}, {"E023"}),
    "02-frequency-type-one.pb": ({"trip_not_running": 1}, {"E019"}),
    "02-unsorted-stop-times.pb": ({"stop_sequence_decreasing": 1}, {"E002"}),
    "03-invalid-utf8.pb": ({"entity_malformed": 1}, {"E003"}),
    "06-truncated.pb": ({"message_malformed": 1}, set()),
    "07-empty.pb": ({"message_empty": 1}, set()),
    "08-after-skips.pb": ({"trip_unscheduled": 1}, {"E003"}),
}
# The validator's other findings, which concern what is none of ours or changes nothing here.
BEYOND = {
    *("E027", "E028", "E029", "E047", "E052", "W002", "W003", "W004", "W005"),  # vehicles
    *("E001", "E012", "E017", "E038", "E048", "E049"),  # what the producer dates, and how
    *("W001", "W007", "W008"),  # how fresh it is: the endpoint's status
    *("E041", "W009"),  # nothing said
    *("E004", "E013", "E016", "E024"),  # a scheduled trip is the schedule's
    *("E015", "E046"),  # of the schedule: a station where trips stop; times that are interpolated
    "E009",  # read as decided: in order along the loop
    # Beside another finding of the same stop time update.
    *("E002", "E045", "E051"),
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


def schedule_of(series: Series, captures: Path, folder: Path) -> Path:
    path = captures / FOLDER / "gtfs" / f"{series.schedule}.zip"
    return every_day(path, folder) if series.exact else path


def named(series: Series) -> str:
    return f"{series.folder}{'-exact' if series.exact else ''}-{series.looked_at}"


@pytest.mark.parametrize("series", ALL, ids=named)
def test_each_board_is_the_references(captures: Path, tmp_path: Path, series: Series) -> None:
    path = schedule_of(series, captures, tmp_path)
    pipeline, schedule = Pipeline(load(path, series.day)), read_schedule(path)
    said: list[bytes] = []
    for second, file in enumerate(messages(series, captures)):
        data = file.read_bytes()
        try:
            pipeline.poll(0, data, series.received + second)
            said = [data]
        except DecodeError:
            refused, _ = FINDINGS[file.name]
            assert any(kind.startswith("message_") for kind in refused)
        pipeline.changes(pipeline.pending(series.looked_at), series.looked_at)
        expected = boards(schedule, said, series.looked_at, list(pipeline.timetable.dates))
        agree(pipeline.boards.boards, expected, file.name)


@pytest.mark.parametrize(
    ("series", "file", "predicted"),
    [
        (BULLRUNNER._replace(exact=True), "05-stop-time-updates.pb", {"1"}),
        (MIDNIGHT, "01-direction-and-locations.pb", {"1.1"}),
        (MORNING, "02-frequency-type-one.pb", set()),  # E019: no run begins then
        (TIMEPOINTS._replace(exact=True), "01-times-missing-from-gtfs.pb", {"1"}),
    ],
    ids=["updates", "midnight", "morning", "timepoints"],
)
def test_the_trips_that_a_message_predicts(
    captures: Path, tmp_path: Path, series: Series, file: str, predicted: set[str]
) -> None:
    pipeline = Pipeline(load(schedule_of(series, captures, tmp_path), series.day))
    pipeline.poll(0, (captures / FOLDER / series.folder / file).read_bytes(), series.received)
    pipeline.changes(pipeline.pending(series.looked_at), series.looked_at)
    arrivals = [a for board in pipeline.boards.boards.values() for a in board["arrivals"].values()]
    assert {a["trip_id"] for a in arrivals if a["status"] == "predicted"} == predicted
    assert {a["trip_id"] for a in arrivals} > predicted


@pytest.mark.parametrize("series", COUNTED, ids=named)
def test_what_is_counted_is_what_the_validator_finds(
    captures: Path, tmp_path: Path, series: Series
) -> None:
    pipeline = Pipeline(load(schedule_of(series, captures, tmp_path), series.day))
    for second, file in enumerate(messages(series, captures)):
        before = Counter(pipeline.quality.counts)
        with suppress(DecodeError):
            pipeline.poll(0, file.read_bytes(), series.received + second)
        counts, rules = FINDINGS.get(file.name, ({}, set()))
        assert Counter(pipeline.quality.counts) - before == counts, file.name
        assert rules <= found(file) <= rules | BEYOND, file.name


def messages(series: Series, captures: Path) -> list[Path]:
    found = sorted((captures / FOLDER / series.folder).glob("*.pb"))
    assert len(found) == series.size
    return found


def found(file: Path) -> set[str]:
    results = file.with_name(f"{file.name}.results.json")
    if not results.exists():
        return set()
    told: list[Any] = json.loads(results.read_text())
    return {each["errorMessage"]["validationRule"]["errorId"] for each in told}
