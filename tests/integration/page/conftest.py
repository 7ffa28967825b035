"""A gateway with a schedule and a publisher, a bad network before it, and Chromium."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import asyncpg
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from sqlalchemy.engine import make_url

from feeds.gtfs.schedule_import import import_schedule
from schemas import database, frames, merge_patch
from schemas.live import LiveStore
from schemas.stored_board import Publication
from tests.client import PATIENCE
from tests.cuts import BadNetwork, bad_network
from tests.gateways import Gateway, running
from tests.integration.page.scene import ALERT, ALPHA, NOW, ROUTES, busy
from tests.publisher import Publisher
from tests.small_city import SMALL_CITY

ROOT = Path(__file__).parents[3]
NODE_MODULES = ROOT / ".ci" / "node" / "node_modules"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--enable-precise-memory-info"),
]

MILLISECONDS = PATIENCE * 1000
expect.set_options(timeout=MILLISECONDS)  # 5 s are too few for a busy machine

# The small city, and what only a search shows: a station with platforms, and more routes than a line holds.
STATION = {
    "stops.txt": (
        "stop_id,stop_name,stop_code,stop_lat,stop_lon,location_type,parent_station,platform_code\n"
        "a,Alpha,,48.1,2.1,0,,\nb,Beta,,48.2,2.2,0,,\nc,Gamma,,48.3,2.3,0,,\n"
        "o,Omega Central,,48.4,2.4,1,,\no1,Omega Central,11,48.4,2.4,0,o,1\n"
        "o2,Omega Central,12,48.4,2.4,0,o,2\no3,Omega Bus Stop,,48.4,2.4,0,o,\n"
    ),
    "routes.txt": "route_id,route_short_name,route_type,route_color\nr,7,3,FFD800\n"
    + "".join(f"x{number},X{number},2,00A{number}6F\n" for number in range(7)),
    "trips.txt": SMALL_CITY["trips.txt"]
    + "".join(f"x{number},daily,t{number}\n" for number in range(7)),
    "stop_times.txt": SMALL_CITY["stop_times.txt"]
    + "".join(
        f"t{number},09:00:00,09:00:00,o{1 + number % 2},1\nt{number},09:30:00,09:30:00,a,2\n"
        for number in range(7)
    ),
}


class City:
    """Says what stands on the boards of the feed `demo`."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.boards: dict[str, Any] = {}

    async def show(self, stop_id: str, name: str = "Alpha", **members: Any) -> None:
        """This board from now on; the first one as a snapshot, the others as patches."""
        before = self.boards.get(stop_id)
        self.publisher.version += 1
        board: dict[str, Any] = {
            "stop_id": stop_id, "version": self.publisher.version,
            "stop": {"name": name, "timezone": "Europe/Paris"},
            "routes": {}, "arrivals": {}, "alerts": {}, **members,
        }  # fmt: skip
        whole = frames.event("snapshot", board)
        frame, previous = whole, None
        if before:
            head = {"stop_id": stop_id, "version": board["version"]}
            frame = frames.event("patch", {**merge_patch.diff(before, board), **head})
            previous = before["version"]
        publication = Publication(stop_id, previous, board["version"], whole, frame)
        assert await self.publisher.live.publish(self.publisher.lease, [publication]) == []
        self.boards[stop_id] = deepcopy(board)


@pytest.fixture(scope="session")
def schedules(postgres_url: str, small_city: Path) -> Iterator[str]:
    """The URL of a database of these tests' own, with the small city as feed `demo`."""
    url = make_url(postgres_url).set(database="gateway_page").render_as_string(hide_password=False)
    asyncio.run(_prepare(postgres_url, url, small_city))
    yield url
    asyncio.run(_execute(postgres_url, "DROP DATABASE gateway_page WITH (FORCE)"))


async def _execute(server: str, *statements: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _prepare(server: str, url: str, zip_path: Path) -> None:
    await _execute(server, "DROP DATABASE IF EXISTS gateway_page", "CREATE DATABASE gateway_page")
    await database.migrate(url)
    async with database.connect(url) as target:
        await import_schedule(str(zip_path), "demo", target)


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("city") / "gtfs.zip"
    with ZipFile(path, "w") as archive:
        for name, text in (SMALL_CITY | STATION).items():
            archive.writestr(name, text)
    return path


@pytest.fixture
async def demo(valkey_url: str) -> AsyncIterator[Publisher]:
    """The owner of feed `demo`, in an empty Redis; the feed's clock stands still."""
    live = LiveStore.connect(valkey_url)
    try:
        await live.redis.flushall()
        publisher = await Publisher.own(live)
        await publisher.tell(now=float(NOW), timestamp=NOW - 6, rate=0.0)
        yield publisher
    finally:
        await live.close()


@pytest.fixture
def city(demo: Publisher) -> City:
    return City(demo)


@pytest.fixture
async def gateway(
    valkey_url: str, demo: Publisher, schedules: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    """One that nothing slow ends or refuses a stream of, and whose clock the pages follow closely."""
    del demo  # emptied Redis
    monkeypatch.setattr("gateway.database.TIMEOUT", PATIENCE)
    patient = {"start_timeout": PATIENCE, "owner_timeout": 600, "heartbeat": 1}
    async with running(
        valkey_url, database_url=schedules, retry=0.05, linger=0, **patient
    ) as gateway:
        yield gateway


@pytest.fixture
async def network(gateway: Gateway) -> AsyncIterator[BadNetwork]:
    async with bad_network(gateway.port, seed=7) as network:
        yield network


@pytest.fixture
async def browser(program: Callable[[str], str]) -> AsyncIterator[Browser]:
    path = program("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=FLAGS, timeout=MILLISECONDS
        )
        browser.on("context", lambda context: context.set_default_timeout(MILLISECONDS))
        yield browser
        await browser.close()


@pytest.fixture
async def phone(browser: Browser, network: BadNetwork) -> AsyncIterator[BrowserContext]:
    """A rider's browser, in New York, behind the bad network; errors of the page fail the test."""
    context = await browser.new_context(
        base_url=f"http://127.0.0.1:{network.port}",
        viewport={"width": 390, "height": 844},
        locale="en-GB",
        timezone_id="America/New_York",
    )
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context
    await context.close()
    assert not errors


@pytest.fixture
async def page(phone: BrowserContext) -> Page:
    return await phone.new_page()


@pytest.fixture
async def board(page: Page, city: City) -> Page:
    """The board of Alpha, opened; its minutes stand still."""
    await page.clock.set_fixed_time(NOW)
    await city.show(ALPHA, routes=ROUTES, arrivals=busy(), alerts={"works": ALERT})
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".call")).to_have_count(5)
    return page


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script."""
    return downloaded("axe-core/axe.min.js").read_text()


@pytest.fixture
def tsc() -> Path:
    """TypeScript's compiler, to be run by Node."""
    return downloaded("typescript/bin/tsc")


def downloaded(path: str) -> Path:
    """A file of the packages that only tests need (never in the repository)."""
    if (found := NODE_MODULES / path).is_file():
        return found
    install = "npm install --no-save --prefix .ci/node axe-core@4.14.1 typescript@5.9.3"
    text = f"{path} is not installed: {install}"
    if os.environ.get("STOPCAST_REQUIRE_CLIENTS") == "1":
        pytest.fail(text)
    pytest.skip(text)
