"""Recordings served over HTTP, as an agency's server would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader, FeedMessage
from starlette.applications import Starlette
from structlog.testing import capture_logs

from feeds.realtime.captures import CaptureError
from feeds.sources.clock import CLOCK_HEADER, Reading
from feeds.sources.recording import Playing, Recording, Stepping
from feeds.sources.replay import find_captures, playing_app, read_recording, stepping_app
from feeds.sources.source import SourceError, listen
from tests.gateways import eventually

T = 1_700_000_000


def message(timestamp: int, entities: int = 0) -> bytes:
    return FeedMessage(
        header=FeedHeader(gtfs_realtime_version="2.0", timestamp=timestamp),
        entity=[FeedEntity(id=f"entity {n}", is_deleted=False) for n in range(entities)],
    ).SerializeToString()


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    for time in (T, T + 60, T + 120):
        (tmp_path / f"{time}.pb").write_bytes(message(time, entities=200))
    return read_recording(find_captures([str(tmp_path)]))


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://source") as client,
    ):
        yield client


class Wall:
    """A wall clock that a test sets."""

    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


async def test_playing_serves_the_capture_of_its_time_and_tells_its_clock(
    recording: Recording,
) -> None:
    wall = Wall(5000)
    async with client_of(playing_app(Playing(recording, since=5000, speed=20), wall)) as client:
        answer = await client.get("/")
        assert answer.content == message(T, 200)
        assert Reading.from_header(answer.headers[CLOCK_HEADER]) == Reading(T, 20)
        wall.time = 5003.5
        answer = await client.get("/")
        assert answer.content == message(T + 60, 200)
        assert Reading.from_header(answer.headers[CLOCK_HEADER]) == Reading(T + 70, 20)
        assert (await client.get("/clock")).json() == {"time": T + 70, "rate": 20}


@pytest.mark.parametrize(
    ("validator", "condition"),
    [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")],
)
async def test_unchanged_message_is_answered_with_304_and_the_clock(
    recording: Recording, validator: str, condition: str
) -> None:
    wall = Wall(0)
    async with client_of(playing_app(Playing(recording, since=0), wall)) as client:
        known = {condition: (await client.get("/")).headers[validator]}
        wall.time = 30
        unchanged = await client.get("/", headers=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert Reading.from_header(unchanged.headers[CLOCK_HEADER]) == Reading(T + 30, 1)
        wall.time = 60
        changed = await client.get("/", headers=known)
        assert (changed.status_code, changed.content) == (200, message(T + 60, 200))


async def test_gzip_is_given_to_who_accepts_it(recording: Recording) -> None:
    async with client_of(stepping_app(Stepping(recording))) as client:
        packed = await client.get("/", headers={"Accept-Encoding": "gzip"})
        plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content == message(T, 200)
    assert packed.headers["ETag"] == plain.headers["ETag"]


async def test_message_can_be_read_as_text(recording: Recording) -> None:
    async with client_of(stepping_app(Stepping(recording))) as client:
        answer = await client.get("/", params={"format": "json"})
    assert answer.json()["header"]["timestamp"] == str(T)


async def test_step_moves_the_clock_to_the_next_capture_until_the_end(
    recording: Recording,
) -> None:
    async with client_of(stepping_app(Stepping(recording))) as client:
        for time in (T + 60, T + 120):
            assert (await client.post("/step")).json() == {"time": time, "rate": 0}
            answer = await client.get("/")
            assert answer.content == message(time, 200)
            assert Reading.from_header(answer.headers[CLOCK_HEADER]) == Reading(time, 0)
        assert (await client.post("/step")).status_code == 409
        assert (await client.get("/")).content == message(T + 120, 200)


async def test_end_of_the_recording_is_told_once_and_the_last_capture_served_on(
    recording: Recording,
) -> None:
    wall = Wall(1000)  # long after the end
    with capture_logs() as logs:
        async with client_of(playing_app(Playing(recording, since=0), wall)) as client:
            await eventually(lambda: logs)
            assert (await client.get("/")).content == message(T + 120, 200)
    assert [log["event"] for log in logs] == ["replay_ended"]


async def test_named_series_are_served_at_their_names(tmp_path: Path) -> None:
    for name, time in (("trips", T), ("vehicles", T + 1)):
        (tmp_path / f"{name}_{time}.pb").write_bytes(message(time))
    named = [f"trips={tmp_path}/trips_*.pb", f"rail/vehicles={tmp_path}/vehicles_*.pb"]
    recording = read_recording(find_captures(named))
    async with client_of(stepping_app(Stepping.at(recording, T + 1))) as client:
        assert (await client.get("/trips")).content == message(T)
        assert (await client.get("/rail/vehicles")).content == message(T + 1)
        assert (await client.get("/")).status_code == 404


def test_folder_gives_its_files_but_not_its_subfolders_and_hidden_files(tmp_path: Path) -> None:
    for name in ("b.pb", "a.pb", ".hidden", "sub/c.pb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(message(T))
    assert [file.name for _, file in find_captures([str(tmp_path)])] == ["a.pb", "b.pb"]


def test_name_with_an_equals_sign_that_exists_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "a.pb").write_bytes(message(T))
    assert find_captures([f"{tmp_path}/day=1"]) == [("", tmp_path / "day=1" / "a.pb")]


def test_missing_and_unreadable_captures_are_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nowhere"):
        find_captures([str(tmp_path / "nowhere")])
    (tmp_path / "readme.md").write_text("# Captures")
    with pytest.raises(CaptureError, match=r"readme\.md"):
        read_recording(find_captures([str(tmp_path)]))


def test_taken_port_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SourceError, match=str(port)):
            listen("127.0.0.1", port)
