"""What the page fetches and when, and what stands there until it has come."""

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, Request, Route, expect

from gateway.page import FILES
from tests.gateways import eventually
from tests.integration.page.scene import ALPHA, ROUTES, busy, call, stand_still

PAGES = {"/": "index.html", "/status": "status.html"}


async def test_the_foot_is_out_of_sight_before_a_board_is_there_and_after(
    phone: BrowserContext, page: Page, city: Any
) -> None:
    await city.show(ALPHA, routes=ROUTES, arrivals={"soon": call(3)})
    await phone.route("**/v1/stream?*", lambda route: route.abort())
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.get_by_text("Loading …")).to_be_visible()
    foot = "document.querySelector('#foot').getBoundingClientRect().top - innerHeight"
    before = await page.evaluate(foot)
    await phone.unroute("**/v1/stream?*")
    await expect(page.locator(".call")).to_have_count(1)
    assert 0 <= before == await page.evaluate(foot)


async def test_what_only_other_addresses_need_is_fetched_later_and_is_there_without_a_network(
    phone: BrowserContext, page: Page, city: Any
) -> None:
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(urlsplit(request.url).path))
    await city.show(ALPHA)
    await stand_still(page)
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()
    later = {"/static/search.js", "/static/result.js", "/static/wall.js"}
    assert not later & set(asked)
    await page.clock.run_for(10_000)
    await eventually(lambda: later <= set(asked))
    await phone.set_offline(True)
    await page.get_by_role("link", name="Stopcast").click()
    await expect(page.get_by_label("Find your stop")).to_be_visible()
    await expect(page.get_by_text("No connection.")).to_be_visible()


async def test_a_board_stays_until_what_comes_after_it_is_there(page: Page, city: Any) -> None:
    await city.show(ALPHA)
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/static/search.js", hold)
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()
    await page.get_by_role("link", name="Stopcast").click()
    await expect(page).to_have_url(re.compile(r"/$"))
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()
    held.set()
    await expect(page.get_by_label("Find your stop")).to_be_visible()


async def test_what_cannot_be_fetched_is_said_and_fetched_as_soon_as_it_can(
    page: Page, city: Any
) -> None:
    del city
    await stand_still(page)
    await page.route("**/static/result.js", lambda route: route.abort())
    await page.goto("/")
    await expect(page.get_by_text("No connection, trying again")).to_be_visible()
    await page.unroute("**/static/result.js")
    await page.clock.fast_forward(15_000)
    await expect(page.get_by_label("Find your stop")).to_be_visible()


async def test_the_page_is_small_and_asks_nobody_else(page: Page, city: Any) -> None:
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))  # noqa: PLW0108  # it is marked
    await city.show(ALPHA, routes=ROUTES, arrivals=busy())
    await page.goto("/")
    await expect(page.locator(".stops > li")).to_have_count(4)
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".call")).to_have_count(5)
    await page.goto(f"/?stop={ALPHA}&display=1")
    await expect(page.locator(".call")).to_have_count(5)
    # A browser asks for the icon when it likes.
    await eventually(lambda: "icon.svg" in _files_of(requests))
    riders = _files_of(requests)
    requests.clear()
    await page.goto("/status")
    await expect(page.get_by_role("heading", name="demo")).to_be_visible()
    status = _files_of(requests)
    assert riders | status == {name for name in FILES if not name.endswith(".ts")}
    assert sum(len(FILES[name]) for name in riders) < 60_000
    assert sum(len(FILES[name]) for name in status - riders) < 6_000


def _files_of(requests: list[Request]) -> set[str]:
    """The names of the files that were asked for; nothing else was, besides the API."""
    paths = {urlsplit(request.url) for request in requests}
    assert {path.netloc for path in paths} == {urlsplit(requests[0].url).netloc}
    asked = {path.path for path in paths if not path.path.startswith("/v1/")}
    return {PAGES.get(path, path.removeprefix("/static/")) for path in asked}
