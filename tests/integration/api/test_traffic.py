"""Real traffic is what the document says: streams through cuts and resumes, and plain answers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from feeds.sources.demo.schedule import write_demo_schedule
from feeds.sources.recording import Recording
from feeds.sources.replay import find_captures, read_recording
from feeds.sources.simulate import CurrentSimulation, imported_timetable
from schemas.database import connect
from tests.publisher import Publisher

Open = Callable[..., AbstractAsyncContextManager[Any]]

NOON = datetime(2026, 11, 20, 20, tzinfo=UTC).timestamp()  # 12:00 in Los Angeles
TICKS = 15
SUBWAY = "onebusaway-app-modules/nyct_multi_trips"
LINK = "onebusaway-app-modules/st_duplicated_trips"


async def demo_city(database_url: str) -> CurrentSimulation:
    async with connect(database_url) as connection:
        return CurrentSimulation(
            await imported_timetable(connection, "city", NOON), seed=1, interval=20
        )


async def test_streams_of_a_city_with_vehicles_and_alerts(open_city: Open, tmp_path: Path) -> None:
    write_demo_schedule(tmp_path / "demo.zip")
    async with open_city(tmp_path / "demo.zip", demo_city, NOON) as city:
        stops = [f"city:{stop}" for stop in sorted(await city.live.stops("city"))][:49]
        client, single = city.client(), city.client()
        await client.connect(*stops, "city:nowhere")
        await single.connect(stops[0], headers={"Accept-Encoding": "gzip"})
        for tick in range(1, TICKS):
            await city.at(NOON + 60 * tick)
            if tick % 5 == 0:  # what is missed comes as snapshots
                await client.cut()
                await city.at(NOON + 60 * tick + 30)
                await client.connect(*stops, "city:nowhere")
            await city.agree(client, stops)
            await city.agree(single, stops[:1])
        city.gateway.server.stop()
        await client.read_until(lambda: client.named("goodbye"))
        seen = city.contract.seen
    assert {"feed", "snapshot", "patch", "heartbeat", "gone", "goodbye"} <= set(seen)
    assert seen["patch"] > 100
    # What this test is worth: every part of a board has been in what was judged.
    members = " ".join(seen)
    for member in ("vehicle.lat", "stops_away", "occupancy", "alerts", "delay", "headsign"):
        assert f".{member}" in members, member
    assert "=null" in members


async def test_plain_answers_of_a_city(open_city: Open, tmp_path: Path) -> None:
    write_demo_schedule(tmp_path / "demo.zip")
    async with open_city(tmp_path / "demo.zip", demo_city, NOON) as city:
        stop, stops = "/v1/stops/{stop_id}", "/v1/stops"
        for name in sorted(await city.live.stops("city"))[:20]:
            path = f"/v1/stops/city:{quote(name, safe='')}"
            await city.get(stop, path)
            board = await city.get(f"{stop}/board", f"{path}/board")
            again = {"If-None-Match": board.headers["etag"]}
            assert (await city.get(f"{stop}/board", f"{path}/board", **again)).status_code == 304
        page = await city.get(stops, "/v1/stops?limit=5")
        await city.get(stops, f"/v1/stops?limit=5&cursor={page.json()['next']}")
        await city.get(stops, "/v1/stops?lat=37.79&lon=-122.4&radius=2000")
        found = await city.get(stops, "/v1/stops?q=embarcadreo")
        assert found.json()["stops"][0]["platforms"]
        assert (await city.get(stop, "/v1/stops/city:EMBR")).json()["platforms"]
        await city.get("/v1/feeds", "/v1/feeds")
        await city.get("/v1/feeds/{feed_id}", "/v1/feeds/city")
        for path in ("/healthz", "/readyz", "/metrics", "/", "/status", "/v1/status", "/docs"):
            await city.get(path, path)
        await city.get("/docs/style.css", "/docs/style.css")
        await city.get("/static/{path}", "/static/stopcast/stopcast.js")
        document = await city.get("/openapi.json", "/openapi.json")
        assert document.json() == city.contract.document
        statuses = [
            (await city.get(path, target)).status_code
            for path, target in [
                (f"{stop}/board", "/v1/stops/city:nowhere/board"),
                (f"{stop}/board", "/v1/stops/nowhere:a/board"),
                (f"{stop}/board", "/v1/stops/nonsense/board"),
                (f"{stop}/stream", "/v1/stops/city:nowhere/stream"),
                ("/v1/stream", "/v1/stream"),
                (f"{stop}/watch", "/v1/stops/city:nowhere/watch"),
                (f"{stop}/watch", "/v1/stops/city:nowhere/watch?width=1"),
                (stop, "/v1/stops/city:nowhere"),
                (stops, "/v1/stops?limit=0"),
                ("/v1/feeds/{feed_id}", "/v1/feeds/nowhere"),
                ("/v1/feeds/{feed_id}", "/v1/feeds/a%2Fb"),
            ]
        ]
        assert statuses == [404, 404, 422, 404, 422, 404, 422, 404, 422, 404, 404]


async def test_boards_that_are_not_ready_are_described_too(open_city: Open, tmp_path: Path) -> None:
    write_demo_schedule(tmp_path / "demo.zip")
    async with open_city(tmp_path / "demo.zip", demo_city, NOON) as city:
        early = await Publisher.own(city.live, "early")
        await early.tell(complete=False)
        await city.gateway.app.state.feeds.poll()
        board = "/v1/stops/{stop_id}/board"
        assert (await city.get(board, "/v1/stops/early:a/board")).status_code == 503
        client = city.client()
        assert await client.connect("early:a") == 200
        await client.read_until(lambda: client.named("goodbye"))
        assert client.events[-1].data == {"reason": "unavailable"}
        await city.get("/v1/feeds", "/v1/feeds")


async def _replayed(open_city: Open, schedule: Path, recording: Recording, polls: int) -> Any:
    """A recording's first polls, followed at all stops that have a call."""

    async def messages(_: str) -> Recording:
        return recording

    moments = recording.moments[:polls]
    async with open_city(schedule, messages, moments[0], skip_wrong=True) as city:
        stops = [f"city:{stop}" for stop in await city.live.stops("city")]
        boards = await city.boards(stops)
        busy = sorted(stops, key=lambda stop: -len(boards[stop]["arrivals"]))[:50]
        client = city.client()
        await client.connect(*busy)
        for moment in moments[1:]:
            await city.at(moment)
            await city.agree(client, busy)
        return city.contract.seen


async def test_the_subway_is_described(open_city: Open, captures: Path) -> None:
    recording = read_recording(find_captures([f"feed={captures / SUBWAY}"]))
    schedule = captures / SUBWAY / "MTASBWY/cut.zip"
    seen = await _replayed(open_city, schedule, recording, 8)
    assert seen["snapshot"] >= 50
    assert seen["patch"] > 50


async def test_sound_transit_is_described(open_city: Open, captures: Path) -> None:
    folder = captures / LINK
    named = (
        f"trips={folder}/trip_update_*[0-9].json",
        f"seen={folder}/vehicle_position_*[0-9].json",
    )
    recording = read_recording(find_captures(named))
    seen = await _replayed(open_city, folder / "40/st.zip", recording, 12)
    assert any(".vehicle.lat" in member for member in seen)
    assert seen["snapshot"] + seen["patch"] > 50
