"""`GET /v1/stops` and `/v1/stops/{stop_id}`, out of a schedule that was really imported."""

import asyncio
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from feeds.gtfs.schedule_import import import_schedule
from schemas import database
from tests.client import PATIENCE
from tests.served import Served

# Around 52.5 N one thousandth of a degree is 111 m northward and 68 m eastward.
STOPS = """
stop_id,stop_name,stop_code,stop_lat,stop_lon,location_type,parent_station,platform_code,stop_timezone
C,Central,CEN,52.500,13.400,1,,,
C/10,Central,CEN10,52.500,13.402,0,C,10,
C/2,Central Bus Bay,,52.500,13.402,0,C,2,
C/1,Central,,52.500,13.401,0,C,1,
C door,Central Exit A,,52.500,13.402,2,C,,
élan,École Élan,77,52.510,13.400,0,,,Europe/Lisbon
100%,100% Street,,52.520,13.400,0,,,
a_b,Alpha Central Road,,52.530,13.400,0,,,
"""
FILES = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nA,Demo,https://a.example,Europe/Berlin\n",
    "stops.txt": STOPS.lstrip(),
    "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type,route_color\n"
    "R:1,A,U1,,1,00FF00\nR2,A,2,Second,3,\nR3,A,3,Unused,3,\n",
    "trips.txt": "route_id,service_id,trip_id\nR:1,S,T1\nR2,S,T2\n",
    "stop_times.txt": "trip_id,stop_sequence,stop_id,arrival_time,departure_time\n"
    "T1,1,C/1,08:00:00,08:00:00\nT1,2,élan,08:05:00,08:05:00\n"
    "T2,1,élan,09:00:00,09:00:00\nT2,2,a_b,09:05:00,09:05:00\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "S,1,1,1,1,1,1,1,20240101,20341231\n",
}


async def _prepare(server: str, url: str, zip_path: Path) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute("DROP DATABASE IF EXISTS gateway_stops WITH (FORCE)")
    await connection.execute("CREATE DATABASE gateway_stops")
    await connection.close()
    await database.migrate(url)
    async with database.connect(url) as target:
        await import_schedule(str(zip_path), "demo", target)


@pytest.fixture(scope="module")
def schedules(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database of this module's own, with one schedule in it."""
    zip_path = tmp_path_factory.mktemp("schedule") / "demo.zip"
    with zipfile.ZipFile(zip_path, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    url = make_url(postgres_url).set(database="gateway_stops").render_as_string(hide_password=False)
    asyncio.run(_prepare(postgres_url, url, zip_path))
    yield url
    asyncio.run(_drop(postgres_url))


async def _drop(server: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute("DROP DATABASE gateway_stops WITH (FORCE)")
    await connection.close()


@pytest.fixture
def database_url(schedules: str) -> str:
    return schedules


async def found(gateway: Served, **parameters: Any) -> list[str]:
    answer = await gateway.client.get("/v1/stops", params=parameters)
    assert answer.status_code == 200, answer.text
    return [stop["stop_id"].removeprefix("demo:") for stop in answer.json()["stops"]]


async def test_stops_with_a_board_are_listed_stations_first(gateway: Served) -> None:
    assert await found(gateway) == ["C", "élan", "a_b", "100%"]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("central", ["C", "a_b"]),
        ("  CENTRAL ", ["C", "a_b"]),
        ("central central", ["C", "a_b"]),
        ("road central", ["a_b"]),
        ("c r", ["a_b"]),
        ("école", ["élan"]),
        ("ECOLE", ["élan"]),
        ("e\u0301cole", ["élan"]),
        ("cen", ["C", "a_b"]),
        ("77", ["élan"]),
        ("10", ["100%"]),
        ("100%", ["100%"]),
        ("(100)", ["100%"]),
        ("cole", ["élan"]),
        ("col", []),
        ("Centrla", ["C", "a_b"]),
        ("alpha centrl", ["a_b"]),
        ("78", []),
        ("%", []),
        ("_", []),
        ("' & | ! :* \\", []),
        ("nothing", []),
    ],
)
async def test_words_of_the_name_or_code_find_a_stop(
    gateway: Served, q: str, expected: list[str]
) -> None:
    assert await found(gateway, q=q) == expected


@pytest.mark.parametrize("q", ["cen10", "bus bay", "Central Bus Bay", "bay bus"])
async def test_what_fits_a_platform_finds_its_station(gateway: Served, q: str) -> None:
    assert await found(gateway, q=q) == ["C"]


PLATFORMS = [
    {"stop_id": "demo:C/1", "name": "Central", "platform_code": "1", "lat": 52.5, "lon": 13.401},
    {"stop_id": "demo:C/2", "name": "Central Bus Bay", "platform_code": "2", "lat": 52.5, "lon": 13.402},
    {"stop_id": "demo:C/10", "name": "Central", "code": "CEN10", "platform_code": "10", "lat": 52.5, "lon": 13.402},
]  # fmt: skip


async def test_a_stop_has_the_members_of_a_boards_stop(gateway: Served) -> None:
    answer = await gateway.client.get("/v1/stops", params={"q": "central", "limit": 3})
    assert answer.headers["cache-control"] == "public, max-age=60"
    station, _ = answer.json()["stops"]
    assert station == {
        "stop_id": "demo:C",
        "name": "Central",
        "code": "CEN",
        "location_type": 1,
        "lat": 52.5,
        "lon": 13.4,
        "timezone": "Europe/Berlin",
        "platforms": PLATFORMS,
    }


async def test_pages_follow_each_other_without_gap_or_repetition(gateway: Served) -> None:
    for parameters in ({}, {"lat": 52.5, "lon": 13.4, "radius": 50_000}):
        whole = await found(gateway, **parameters)
        pages: list[list[str]] = []
        cursor: dict[str, str] = {}
        while True:
            query: Any = {**parameters, **cursor, "limit": 2}
            page = (await gateway.client.get("/v1/stops", params=query)).json()
            pages.append([stop["stop_id"].removeprefix("demo:") for stop in page["stops"]])
            if "next" not in page:
                break
            cursor = {"cursor": page["next"]}
        assert [len(page) for page in pages] == [2, 2]
        assert [stop for page in pages for stop in page] == whole


async def test_nearby_stops_come_nearest_first_with_their_distance(gateway: Served) -> None:
    place = {"lat": 52.5, "lon": 13.4}
    answer = await gateway.client.get("/v1/stops", params={**place, "radius": 1200})
    stops = answer.json()["stops"]
    assert [(s["stop_id"], s["distance"]) for s in stops] == [
        ("demo:C", 0),
        ("demo:élan", 1112),
    ]
    assert await found(gateway, **place) == ["C"]
    assert await found(gateway, **place, radius=5000, q="road") == ["a_b"]
    assert await found(gateway, **place, radius=5000, q="centrla") == ["C", "a_b"]
    assert await found(gateway, **place, radius=5000, q="centrla road") == ["a_b"]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"lat": "91", "lon": "0"}, ["lat"]),
        ({"lat": "north", "lon": "nan"}, ["lat", "lon"]),
        ({"lat": "1"}, ["lat, lon"]),
        ({"radius": "5"}, ["radius"]),
        ({"lat": "1", "lon": "1", "radius": "0"}, ["radius"]),
        ({"limit": "0"}, ["limit"]),
        ({"limit": "101"}, ["limit"]),
        ({"limit": "ten", "q": "a\0b"}, ["limit", "q"]),
        ({"q": "x" * 201}, ["q"]),
        ({"cursor": "?"}, ["cursor"]),
        ({"cursor": "W10"}, ["cursor"]),
        ({"cursor": "WzE0MC4wLDAsIkVtYmFyY2FkZXJvIiwiZGVtbzpFTUJSIl0"}, ["cursor"]),
        ({"cursor": "é"}, ["cursor"]),
    ],
)
async def test_each_parameter_that_is_wrong_is_named(
    gateway: Served, parameters: dict[str, str], named: list[str]
) -> None:
    answer = await gateway.client.get("/v1/stops", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_parameter")
    for name in named:
        assert f"{name}: " in answer.json()["detail"]


async def test_a_stop_comes_with_the_routes_that_call_there(gateway: Served) -> None:
    answer = await gateway.client.get(f"/v1/stops/{quote('demo:élan', safe='')}")
    stop = answer.json()
    assert answer.status_code == 200
    assert (stop["stop_id"], stop["timezone"]) == ("demo:élan", "Europe/Lisbon")
    assert stop["routes"] == {
        "demo:R:1": {"short_name": "U1", "color": "00FF00", "type": 1, "agency_id": "A"},
        "demo:R2": {"short_name": "2", "long_name": "Second", "type": 3, "agency_id": "A"},
    }


async def test_a_station_has_the_routes_of_its_platforms(gateway: Served) -> None:
    stop = (await gateway.client.get("/v1/stops/demo:C")).json()
    assert set(stop["routes"]) == {"demo:R:1"}
    assert stop["platforms"] == PLATFORMS


async def test_a_platform_is_a_part_of_its_station(gateway: Served) -> None:
    stop = (await gateway.client.get("/v1/stops/demo:C%2F2")).json()
    assert (stop["parent_id"], stop["routes"]) == ("demo:C", {})
    assert "platforms" not in stop


@pytest.mark.parametrize("stop_id", ["demo:none", "other:C", "demo:C%2F3"])
async def test_an_unknown_stop_does_not_exist(gateway: Served, stop_id: str) -> None:
    answer = await gateway.client.get(f"/v1/stops/{stop_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_stop")


async def test_a_slash_in_an_id_works_here_too(gateway: Served) -> None:
    status, body = await gateway.raw("/v1/stops/demo:C%2F1")
    assert status == 200
    assert b'"platform_code":"1"' in body


async def test_a_restarted_postgres_is_found_again(gateway: Served, schedules: str) -> None:
    assert await found(gateway, q="école") == ["élan"]
    connection = await asyncpg.connect(schedules)
    await connection.execute(
        "SELECT pg_terminate_backend(pid, $1) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        round(PATIENCE * 1000),  # until they have ended
    )
    await connection.close()
    for _ in range(5):  # each connection of the pool may fail once
        answer = await gateway.client.get("/v1/stops")
        assert answer.status_code in {200, 503}
    assert await found(gateway, q="école") == ["élan"]


class TestWithoutPostgres:
    """Only what needs it fails."""

    @pytest.fixture
    def database_url(self) -> str:
        return "postgresql://user:secret@127.0.0.1:1/none"

    @pytest.mark.parametrize("path", ["/v1/stops", "/v1/stops/demo:C"])
    async def test_stops_are_unavailable_for_now(self, gateway: Served, path: str) -> None:
        answer = await gateway.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "127.0.0.1" not in answer.text

    async def test_boards_go_on(self, gateway: Served) -> None:
        await gateway.publish("demo:C", 1)
        assert (await gateway.client.get("/v1/stops/demo:C/board")).status_code == 200
        assert (await gateway.client.get("/readyz")).status_code == 200


class TestBeforeTheFirstMigration:
    """A database without our tables."""

    @pytest.fixture
    def database_url(self, postgres_url: str) -> str:
        return (
            make_url(postgres_url).set(database="template1").render_as_string(hide_password=False)
        )

    async def test_stops_are_unavailable_for_now(self, gateway: Served) -> None:
        answer = await gateway.client.get("/v1/stops")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
