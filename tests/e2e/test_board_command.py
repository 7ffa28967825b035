"""`stopcast feeds board`: the pipeline once, for debugging a feed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import merge_patch
from tests.timetables import message, posix, trip_update

BART = "transitland-lib/server/gtfs/bart.zip"
REALTIME = "transitland-lib/server/rt"
AT = "2018-05-30T16:00:00-07:00"


def board(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "stopcast", "feeds", "board", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120)  # noqa: S603  # our own


def lines(*arguments: str | Path) -> list[dict[str, Any]]:
    done = board(*arguments)
    assert done.returncode == 0, done.stderr.decode()
    return [orjson.loads(line) for line in done.stdout.splitlines()]


def test_one_board_a_line_from_json_captures(captures: Path) -> None:
    sources = ("--schedule", captures / BART, "--realtime", captures / REALTIME / "BA.json")
    found = lines("FTVL", "feed:LAKE", *sources, "--at", AT)
    assert [each["stop_id"] for each in found] == ["feed:FTVL", "feed:LAKE"]
    assert found[0]["stop"]["name"] == "Fruitvale"
    assert all(told["delay"] == 30 for told in found[0]["arrivals"].values())


def test_the_next_polls_are_printed_as_patches(captures: Path) -> None:
    sources = ("--schedule", captures / BART, "--realtime", captures / REALTIME / "BA.json")
    then = ("--then", captures / REALTIME / "BA-added.json")
    first, *patches = lines("FTVL", *sources, *then, "--at", AT, "--at", "1527721260")
    assert {patch["event"] for patch in patches} == {"patch"}
    [whole] = lines(
        "FTVL", "--schedule", captures / BART,
        "--realtime", captures / REALTIME / "BA-added.json", "--at", "1527721260",
    )  # fmt: skip
    held = first
    for patch in patches:
        assert patch["data"]["version"] > held["version"]
        held = merge_patch.apply(held, patch["data"])
    assert {**held, "version": 0} == {**whole, "version": 0}


def test_several_endpoints_and_a_feed_id(gtfs_zip: Any, tmp_path: Path) -> None:
    files = []
    for number, update in enumerate(
        [
            trip_update("t", {"stop_sequence": 1, "departure": 60}),
            trip_update("x", {"stop_id": "a", "departure": "08:05:00"}, route_id="r"),
        ]
    ):
        files.append(tmp_path / f"{number}.pb")
        files[-1].write_bytes(message(update))
    [found] = lines(
        "city:a", "--feed", "city", "--schedule", gtfs_zip(),
        "--realtime", files[0], "--realtime", files[1], "--at", str(posix("07:55:00")),
    )  # fmt: skip
    assert [told["trip_id"] for told in found["arrivals"].values()] == ["t", "x"]
    assert found["routes"].keys() == {"city:r"}


def test_the_sources_of_a_config(gtfs_zip: Any, tmp_path: Path) -> None:
    (tmp_path / "1.pb").write_bytes(
        message(trip_update("t", {"stop_sequence": 1, "departure": 60}))
    )
    config = tmp_path / "stopcast.toml"
    config.write_text(
        f'[feeds.city]\nschedule = "{gtfs_zip()}"\n[[feeds.city.endpoints]]\nurl = "{tmp_path}/1.pb"\n'
    )
    [found] = lines("city:a", "--config", config, "--at", str(posix("07:55:00")))
    assert [told["status"] for told in found["arrivals"].values()] == ["predicted"]


@pytest.mark.parametrize(
    ("stop", "changes", "said"),
    [
        ("nowhere", {}, "stop nowhere: the schedule has no such stop_id"),
        ("a", {"--realtime": "none.pb"}, "none.pb"),
        ("a", {"--schedule": "none.zip"}, "none.zip"),
        ("a", {"--then": "none.pb"}, "--then none.pb: No such file"),
    ],
)
def test_what_is_wrong_is_named(
    stop: str, changes: dict[str, str], said: str, gtfs_zip: Any, tmp_path: Path
) -> None:
    (tmp_path / "1.pb").write_bytes(message())
    options = {"--schedule": str(gtfs_zip()), "--realtime": str(tmp_path / "1.pb"), **changes}
    done = board(stop, *(text for option in options.items() for text in option))
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_contradicting_options_are_refused(gtfs_zip: Any) -> None:
    assert "either --schedule" in board("a").stderr.decode()
    extra = board("a", "--schedule", gtfs_zip(), "--at", "1", "--at", "2")
    assert "--at was given more often" in extra.stderr.decode()
