"""Finding a stop: by its name, nearby, by the keyboard; what is said of those that are found."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import BrowserContext, Page, Route, expect

from tests.integration.page.scene import BETA, ROUTES, busy


async def test_stops_nearby_come_with_their_distance(
    phone: BrowserContext, page: Page, city: Any
) -> None:
    del city
    await phone.grant_permissions(["geolocation"])
    await phone.set_geolocation({"latitude": 48.1005, "longitude": 2.1})
    await page.goto("/")
    await page.get_by_role("button", name="Near me").click()
    await expect(page.locator(".stops > li > a")).to_have_text(["Alpha56 m"])
    await expect(page.locator(".stops .badge").first).to_have_text("7")


async def test_who_does_not_tell_where_he_is_is_told_so(page: Page, city: Any) -> None:
    del city
    await page.goto("/")
    await page.get_by_role("button", name="Near me").click()
    await expect(page.get_by_text("will not share your location")).to_be_visible()


async def test_what_is_said_of_a_location_is_not_lost_when_stops_come_after_it(
    page: Page, city: Any
) -> None:
    del city
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/v1/stops?*", hold)
    await page.add_init_script(
        "navigator.geolocation.getCurrentPosition = (_, fail) => { window.refused = true; fail() }"
    )
    await page.goto("/")
    await page.get_by_role("button", name="Near me").click()
    await page.wait_for_function("window.refused")
    held.set()
    await expect(page.locator(".stops > li")).to_have_count(4)
    await expect(page.get_by_text("will not share your location")).to_be_visible()


async def test_the_keyboard_is_enough(page: Page, city: Any) -> None:
    await city.show(BETA, "Beta")
    await page.goto("/")
    await expect(page.locator(".stops > li")).to_have_count(4)
    await page.get_by_label("Find your stop").focus()
    for key in (*["ArrowDown"] * 3, "ArrowUp", "ArrowDown", "Enter"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("heading", name="Beta", level=1)).to_be_visible()
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()
    await expect(page.locator("#view")).to_be_focused()


async def test_what_is_found_says_what_serves_it_and_has_its_platforms(
    page: Page, city: Any
) -> None:
    """By keyboard alone."""
    await city.show("demo:o2", "Omega Central", routes=ROUTES, arrivals=busy())
    await page.goto("/")
    await page.get_by_label("Find your stop").fill("omega")
    station = page.locator(".stops > li")
    await expect(station).to_have_count(1)
    await expect(station.locator(".routes")).to_have_text("Routes X0 X1 X2 X3 X4 +2")
    badge = station.locator(".badge").first
    await expect(badge).to_have_css("background-color", "rgb(0, 160, 111)")
    await expect(badge).to_have_css("color", "rgb(0, 0, 0)")
    await expect(station.get_by_role("link")).to_have_text(["Omega CentralStation"])
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    unfold = page.get_by_role("button", name="3 platforms of Omega Central", expanded=False)
    await expect(unfold).to_be_focused()
    await page.keyboard.press("Enter")
    platforms = ["Platform 1 · Stop 11", "Platform 2 · Stop 12", "Omega Bus Stop"]
    await expect(station.get_by_role("link")).to_have_text(["Omega CentralStation", *platforms])
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/\?stop=demo:o2$"))
    await expect(page.locator(".call")).to_have_count(5)


async def test_only_stops_in_sight_are_asked_for_their_routes(page: Page, city: Any) -> None:
    del city
    stops = [{"stop_id": f"demo:{number}", "name": f"Stop {number}"} for number in range(30)]
    asked: list[str] = []

    async def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        asked.append(path)
        members = {"stops": stops} if path == "/v1/stops" else {"routes": ROUTES}
        await route.fulfill(json=members)

    await page.route("**/v1/stops*", answer)
    await page.route("**/v1/stops/*", answer)
    await page.goto("/")
    await expect(page.locator(".stops > li")).to_have_count(30)
    await expect(page.locator(".stops > li").first.locator(".badge")).to_have_text(["7", "X1"])
    assert "/v1/stops/demo%3A29" not in asked
    await page.locator(".stops > li").last.scroll_into_view_if_needed()
    await expect(page.locator(".stops > li").last.locator(".badge")).to_have_text(["7", "X1"])


async def test_more_stops_of_a_question_come_behind_it_and_no_other(page: Page, city: Any) -> None:
    del city
    held = asyncio.Event()

    async def answer(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        if "cursor" in asked:
            await held.wait()
        name = " ".join([*asked.get("q", ["all"]), *asked.get("cursor", [])])
        await route.fulfill(json={"stops": [{"stop_id": "demo:a", "name": name}], "next": "more"})

    await page.route("**/v1/stops?*", answer)
    await page.goto("/")
    names = page.locator(".stops > li > a")
    more = page.get_by_role("button", name="More stops")
    await expect(names).to_have_text(["all"])
    await more.click()
    held.set()
    await expect(names).to_have_text(["all", "all more"])
    await expect(names.last).to_be_focused()
    held.clear()
    await more.click()
    await page.get_by_label("Find your stop").fill("other")
    await expect(names).to_have_text(["other"])
    held.set()
    await more.click()
    await expect(names).to_have_text(["other", "other more"])
