"""`stopcast feeds replay` as a process, with real captures."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from google.transit.gtfs_realtime_pb2 import FeedMessage

from feeds.sources.clock import CLOCK_HEADER, Reading
from tests.e2e.processes import PATIENCE


@contextmanager
def replay(*arguments: str) -> Iterator[list[str]]:
    """Run it on a free port; the URLs that it prints. Ctrl-C must end it cleanly."""
    command = [sys.executable, "-m", "stopcast", "feeds", "replay", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own
    assert process.stdout is not None
    try:
        count = max(sum("=" in argument for argument in arguments), 1)
        head = [process.stdout.readline().strip() for _ in range(1 + count)]
        assert "captures from" in head[0]
        yield head[1:]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def client_of(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=PATIENCE)


def test_eighty_polls_of_the_subway_are_stepped_through(captures: Path) -> None:
    folder = captures / "onebusaway-app-modules" / "nyct_multi_trips"
    recorded = [file.read_bytes() for file in sorted(folder.glob("*.pb"))]
    with replay("--step", str(folder)) as [url], client_of(url) as client:
        tag = ""
        for number, data in enumerate(recorded):
            if number:
                client.post("step").raise_for_status()
            answer = client.get("", headers={"If-None-Match": tag})
            assert answer.content == data
            timestamp = FeedMessage.FromString(data).header.timestamp
            assert Reading.from_header(answer.headers[CLOCK_HEADER]) == Reading(timestamp, 0)
            tag = answer.headers["ETag"]
            assert client.get("", headers={"If-None-Match": tag}).status_code == 304
        assert client.post("step").status_code == 409


def test_json_captures_of_one_folder_are_served_as_two_series(captures: Path) -> None:
    folder = captures / "onebusaway-app-modules" / "st_duplicated_trips"
    series = (f"trips={folder}/trip_update_*.json", f"vehicles={folder}/vehicle_position_*.json")
    with replay("--step", *series) as [trips, vehicles]:
        update = FeedMessage.FromString(httpx.get(trips, timeout=PATIENCE).content)
        position = FeedMessage.FromString(httpx.get(vehicles, timeout=PATIENCE).content)
    assert update.header.timestamp == position.header.timestamp == 1683740698
    assert all(entity.HasField("trip_update") for entity in update.entity)
    assert all(entity.HasField("vehicle") for entity in position.entity)


def test_recording_plays_by_itself_to_its_end_at_speed(captures: Path) -> None:
    folder = captures / "onebusaway-app-modules" / "nyct_multi_trips"
    with replay("--speed", "10000", str(folder)) as [url], client_of(url) as client:
        times = [client.get("clock").json()["time"]]
        while client.get("clock").json()["rate"]:
            times.append(client.get("clock").json()["time"])
        last = FeedMessage.FromString(client.get("").content).header.timestamp
    assert times == sorted(times)
    assert last == 1707401919


def test_what_is_no_capture_ends_with_its_name(captures: Path) -> None:
    file = captures / "gtfs-rt-validator-veodyn" / "jar" / "06-truncated.pb"
    done = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-m", "stopcast", "feeds", "replay", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert "06-truncated.pb: not a GTFS-Realtime message" in done.stderr
    assert "Traceback" not in done.stderr
