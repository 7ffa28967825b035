"""`stopcast feeds check`: a feed's quality once, with an exit code for CI."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage

from tests.timetables import message, posix, trip_update

NOW = posix("07:55:00")
AT = str(NOW)
GOOD = trip_update("t", {"stop_sequence": 1, "departure": 60})
ODD = trip_update("t", {"stop_id": "nowhere", "departure": 60}, {"stop_sequence": 2, "arrival": 0})


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stopcast", "feeds", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120, text=True)  # noqa: S603  # our own


@pytest.fixture
def sources(gtfs_zip: Any, tmp_path: Path) -> Any:
    """The options for endpoints that answer with these bytes."""

    def options(*messages: bytes, named: str = "{}.pb") -> list[str]:
        told = ["--schedule", str(gtfs_zip()), "--at", AT]
        for number, data in enumerate(messages):
            path = tmp_path / named.format(number)
            path.write_bytes(data)
            told += ["--realtime", str(path)]
        return told

    return options


def test_a_clean_feed_ends_with_0(sources: Any) -> None:
    done = check(*sources(message(GOOD)))
    assert done.returncode == 0, done.stderr
    assert "realtime tells of 1 trips" in done.stdout
    assert "verdict: clean" in done.stdout


def test_findings_are_told_by_endpoint_and_kind_and_end_with_1(sources: Any) -> None:
    done = check(*sources(message(GOOD), message(ODD)), "--json")
    assert done.returncode == 1, done.stderr
    report = orjson.loads(done.stdout)
    first, second = report["endpoints"]
    assert first["quality"] == {}
    assert second["quality"]["stop_not_in_trip"]["count"] == 1
    assert "nowhere" in second["quality"]["stop_not_in_trip"]["example"]
    assert report["verdict"] == "findings"
    assert any("endpoint 1: stop_not_in_trip: 1, more than 5%" in e for e in report["above_limits"])


def test_a_table_shows_the_findings_and_limits_are_chosen(sources: Any) -> None:
    done = check(*sources(message(ODD)), "--fail-on", "unmatched", "--fail-on", "dropped:1")
    assert done.returncode == 0, done.stderr
    assert "stop_not_in_trip" in done.stdout


def dated(age: int, header: int = 0) -> bytes:
    """A message `header` seconds old, whose trip update has a timestamp of its own, `age` old."""
    update = trip_update("t", {"stop_sequence": 1, "departure": 60})
    update.timestamp = NOW - age
    return message(update, timestamp=NOW - header)


def test_an_update_that_the_ingester_would_withdraw_is_late(sources: Any) -> None:
    done = check(*sources(dated(690), dated(691)), "--fail-on", "late", "--json")
    assert done.returncode == 1, done.stderr
    report = orjson.loads(done.stdout)
    first, second = report["endpoints"]
    assert first["quality"] == {}
    assert second["quality"]["trip_update_expired"]["count"] == 1
    assert report["above_limits"] == ["endpoint 1: trip_update_expired: 1, more than 0"]


def test_a_stale_message_is_late_and_each_endpoint_tells_its_status_and_age(sources: Any) -> None:
    alerts = FeedMessage.FromString(message(timestamp=NOW - 600))
    alerts.entity.add(id="a").alert.informed_entity.add(route_id="r")
    options = sources(dated(0, header=90), dated(0, header=91), alerts.SerializeToString())
    done = check(*options, "--json")
    assert done.returncode == 1, done.stderr
    first, second, third = orjson.loads(done.stdout)["endpoints"]
    assert (first["status"], first["age"], first["quality"]) == ("live", 90, {})
    assert (third["status"], third["age"]) == ("live", 600)  # news lives longer
    assert (second["status"], second["age"]) == ("stale", 91)
    assert second["quality"]["message_stale"]["fate"] == "late"
    shown = check(*options)
    assert "1 entities, live, 90 s old" in shown.stdout
    assert "1 entities, stale, 91 s old" in shown.stdout


def test_brackets_of_a_path_are_shown(sources: Any) -> None:
    done = check(*sources(message(ODD), named="[b]{}:x:.pb"))
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("[b]0:x:.pb") == 2  # in the headline and above the table


def test_an_endpoint_without_a_message_ends_with_2(sources: Any) -> None:
    done = check(*sources(message(GOOD), b"<html>Sorry</html>"))
    assert done.returncode == 2
    assert "verdict: unusable" in done.stdout


def test_a_schedule_that_cannot_be_read_ends_with_2(tmp_path: Path) -> None:
    done = check("--schedule", tmp_path / "none.zip", "--json")
    assert done.returncode == 2
    report = orjson.loads(done.stdout)
    assert report["verdict"] == "unusable"
    assert "none.zip" in report["error"]
