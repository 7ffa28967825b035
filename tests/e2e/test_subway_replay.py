"""The NYC subway, poll by poll, through every process to clients of several kinds."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from feeds.realtime.captures import capture_time
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.stored_schedule import timetable_at
from schemas.database import connect
from schemas.local import embedded
from schemas.local.embedded import free_port
from tests.client import BoardClient
from tests.e2e.processes import PATIENCE, gateway, run, stopcast, wait_until

BUSY_STATION = "nyct:A32"  # West 4 St: A, C and E, both ways
FOLDER = "onebusaway-app-modules/nyct_multi_trips"
PLATFORMS = 50
FEED = """\
[feeds.nyct]
quiet = 0
[[feeds.nyct.endpoints]]
url = "http://127.0.0.1:{port}/"
interval = 0.05
clock = true
"""


@pytest.fixture
def world(captures: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Databases with the subway's schedule, a stepped replay, an ingester, two gateways."""
    with ExitStack() as stack:
        env = {
            "REDIS_URL": stack.enter_context(embedded.valkey()),
            "DATABASE_URL": stack.enter_context(embedded.postgres()),
        }
        run("db", "migrate", env=env)
        schedule = str(captures / FOLDER / "MTASBWY/cut.zip")
        run("feeds", "import", schedule, "--feed", "nyct", "--skip-wrong", env=env)
        port = free_port()
        replay = ("feeds", "replay", "--step", "--port", str(port), str(captures / FOLDER))
        stack.enter_context(stopcast(*replay, env=env, log=tmp_path / "replay.log"))
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url))
        config = tmp_path / "stopcast.toml"
        config.write_text(FEED.format(port=port))
        ingest = ("feeds", "ingest", "--config", str(config))
        stack.enter_context(stopcast(*ingest, env=env, log=tmp_path / "ingest.log"))
        ports = [
            stack.enter_context(gateway(env, tmp_path / f"gateway{number}.log"))
            for number in range(2)
        ]
        yield {"database": env["DATABASE_URL"], "replay": url, "ports": ports}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/clock").is_success
    except httpx.HTTPError:
        return False


async def pipeline_of(database_url: str, moment: float) -> Pipeline:
    """What the ingester runs, here."""
    async with connect(database_url) as connection:
        timetable = await timetable_at(connection, "nyct", moment)
    assert timetable is not None
    return Pipeline(timetable)


async def test_every_client_holds_the_servers_boards_after_every_poll(
    world: dict[str, Any], captures: Path
) -> None:
    recorded = [file.read_bytes() for file in sorted((captures / FOLDER).glob("*.pb"))]
    assert len(recorded) == 80
    pipeline = await pipeline_of(world["database"], capture_time(recorded[0]))
    platforms = busiest_platforms(recorded)
    follows = {"station": [BUSY_STATION], "platforms": platforms, "cut": platforms}
    clients = {name: BoardClient(world["ports"][0]) for name in follows}
    rng = random.Random(1707397157)  # noqa: S311  # which cut happens where
    url = f"http://127.0.0.1:{world['ports'][0]}"
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE))
        for client in clients.values():
            stack.push_async_callback(client.cut)
        for number, data in enumerate(recorded):
            if number:
                (await plain.post(f"{world['replay']}/step")).raise_for_status()
            moment = capture_time(data)
            pipeline.poll(0, data, moment)
            pipeline.changes(pipeline.pending(moment), moment)
            served = await until_published(plain, pipeline, [BUSY_STATION, *platforms])
            for name, stops in follows.items():
                if number == 0:
                    await clients[name].connect(*stops)
                elif name == "cut":
                    clients[name].port = rng.choice(world["ports"])
                    await cut_and_resumed(clients[name], stops, rng)
                expected = {stop: served[stop] for stop in stops}
                await until_held(clients[name], expected)
        before = served
        again = {stop: (await board(plain, stop)) for stop in before}
        assert again == before  # polls without news publish nothing


async def until_held(client: BoardClient, expected: dict[str, Any]) -> None:
    await client.read_until(lambda: client.boards == expected)


def busiest_platforms(recorded: list[bytes]) -> list[str]:
    from google.transit.gtfs_realtime_pb2 import FeedMessage  # noqa: PLC0415

    calls: Counter[str] = Counter()
    for data in (recorded[0], recorded[-1]):
        for entity in FeedMessage.FromString(data).entity:
            calls.update(update.stop_id for update in entity.trip_update.stop_time_update)
    return [f"nyct:{stop_id}" for stop_id, _ in calls.most_common(PLATFORMS)]


async def cut_and_resumed(client: BoardClient, stops: list[str], rng: random.Random) -> None:
    """Lose the connection, and sometimes the next ones too, in the middle of what they bring."""
    while rng.random() < 0.6:
        await client.connect(*stops, resume=rng.random() < 0.8)
        for _ in range(rng.randrange(4)):
            await asyncio.wait_for(client.read(rng.randrange(1, 20_000)), PATIENCE)
        await client.cut()
    await client.connect(*stops)


async def until_published(
    plain: httpx.AsyncClient, pipeline: Pipeline, stops: list[str]
) -> dict[str, Any]:
    """Wait until the server has what the pipeline makes of this poll; its boards."""
    expected = {stop: pipeline.boards.boards[stop.partition(":")[2]] for stop in stops}
    served: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        for stop in stops:
            while not _same(served.get(stop), expected[stop]):
                served[stop] = await board(plain, stop)
    return served


def _same(served: Any, expected: Any) -> bool:
    return served is not None and {**served, "version": 0} == {**expected, "version": 0}


async def board(plain: httpx.AsyncClient, stop: str) -> Any:
    answer = await plain.get(f"/v1/stops/{stop}/board")
    return answer.json() if answer.is_success else None
