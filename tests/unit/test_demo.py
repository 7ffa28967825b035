"""The demo city's GTFS zip."""

import csv
import io
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

from feeds.sources.demo.city import BUSY_STOP, City
from feeds.sources.demo.schedule import write_demo_schedule


def table(archive: ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_schedule_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_demo_schedule(tmp_path / "one.zip")
    write_demo_schedule(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_ids_are_unique_and_refer_to_each_other(tmp_path: Path) -> None:
    write_demo_schedule(tmp_path / "demo.zip")
    with ZipFile(tmp_path / "demo.zip") as archive:
        trips = [row["trip_id"] for row in table(archive, "trips.txt")]
        stops = [row["stop_id"] for row in table(archive, "stops.txt")]
        stop_times = table(archive, "stop_times.txt")
    assert len(trips) == len(set(trips)) > 1500
    assert len(stops) == len(set(stops))
    assert {row["trip_id"] for row in stop_times} == set(trips)
    assert {row["stop_id"] for row in stop_times} <= set(stops)


def test_times_never_go_back_along_a_trip(tmp_path: Path) -> None:
    write_demo_schedule(tmp_path / "demo.zip")
    with ZipFile(tmp_path / "demo.zip") as archive:
        rows = table(archive, "stop_times.txt")
    for before, after in pairwise(rows):
        assert before["arrival_time"] <= before["departure_time"]
        if before["trip_id"] == after["trip_id"]:
            assert before["departure_time"] < after["arrival_time"]


def test_busy_stop_is_where_most_lines_meet() -> None:
    city = City.read()
    lines = {place: sum(place in line.stops for line in city.lines) for place in city.places}
    assert lines[BUSY_STOP] == max(lines.values())
