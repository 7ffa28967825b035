"""A display on a wall: boards that nobody touches, for months."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.cuts import BadNetwork
from tests.gateways import eventually
from tests.integration.page.scene import ALERT, ALPHA, BETA, ROUTES, busy, call, row, stand_still

NEW_YORK = ZoneInfo("America/New_York")  # where the phone is
# What can be seen, and be clicked or focused.
TOUCHABLE = """() => [...document.querySelectorAll("a[href], button, input, summary, [tabindex]")]
  .filter(element => element.checkVisibility()).map(element => element.outerHTML)"""
# The words of the alert that lie wholly within it.
READABLE = """() => {
  const alert = document.querySelector(".alert:not([hidden])")
  const box = alert.getBoundingClientRect()
  const walker = document.createTreeWalker(alert, NodeFilter.SHOW_TEXT), seen = []
  for (let node; node = walker.nextNode();)
    for (const { 0: word, index } of node.data.matchAll(/\\S+/g)) {
      const range = document.createRange()
      range.setStart(node, index)
      range.setEnd(node, index + word.length)
      const { top, bottom } = range.getBoundingClientRect()
      if (top >= box.top && bottom <= box.bottom) seen.push(word)
    }
  return seen
}"""


async def test_a_display_on_a_wall_has_boards_and_nothing_to_touch(page: Page, city: Any) -> None:
    await city.show(ALPHA, routes=ROUTES, arrivals=busy(), alerts={"works": ALERT})
    await city.show(BETA, "Beta", routes=ROUTES, arrivals={str(n): call(n) for n in range(1, 60)})
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await page.goto(f"/?stop={ALPHA}&stop={BETA}&display=1")
    await expect(page.locator(".wall .board")).to_have_count(2)
    await expect(page.locator(".clock")).to_have_text(re.compile(r"\d\d:\d\d"))
    await expect(page.get_by_text(re.compile(r"^Data \d+ s old$"))).to_have_count(2)
    assert await page.evaluate(TOUCHABLE) == []
    for _ in range(3):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement === document.body")
    await expect(row(page, "Epsilon")).to_be_hidden()  # who has left helps nobody here
    fits = """() => [document.documentElement.scrollHeight <= innerHeight,
                    document.documentElement.scrollWidth <= innerWidth]"""
    assert await page.evaluate(fits) == [True, True]


@pytest.mark.parametrize("width", [1280, 1920])
async def test_a_display_always_shows_the_platform(width: int, page: Page, city: Any) -> None:
    full = {**call(-0.5), "platform_code": "1", "wheelchair_accessible": True, "alerts": ["works"]}
    await city.show(ALPHA, routes=ROUTES, arrivals={"now": full}, alerts={"works": ALERT})
    await city.show(BETA, "Beta", routes=ROUTES, arrivals={"now": full})
    await page.set_viewport_size({"width": width, "height": 1080})
    await page.goto(f"/?stop={ALPHA}&stop={BETA}&display=1")
    await expect(page.locator(".wall .platform")).to_have_count(2)
    inside = """platform => platform.getBoundingClientRect().bottom
        <= platform.closest('.details').getBoundingClientRect().bottom + 1"""
    for platform in await page.locator(".wall .platform").all():
        assert await platform.evaluate(inside)


async def test_a_display_is_left_as_it_was_come_to(board: Page) -> None:
    await board.get_by_role("link", name="Wall display").click()
    await expect(board.locator(".wall .call")).to_have_count(5)
    assert await board.evaluate(TOUCHABLE) == []
    await board.go_back()
    await expect(board.get_by_role("button", name="Favourite")).to_be_visible()
    await board.get_by_role("link", name="Stopcast").click()
    await expect(board.get_by_label("Find your stop")).to_be_visible()


async def test_a_display_shows_the_whole_of_each_alert_in_turn(
    page: Page, city: Any, network: BadNetwork
) -> None:
    """Page by page, and nothing else moves."""
    words = [f"word{number}" for number in range(150)]
    long = {**ALERT, "description": {"": " ".join(words)}, "severity": "severe"}
    alerts = {"works": ALERT, "long": long}
    await city.show(ALPHA, routes=ROUTES, arrivals=busy(), alerts=alerts)
    await stand_still(page)
    await page.goto(f"/?stop={ALPHA}&display=1")
    await expect(page.locator(".call")).to_have_count(5)
    network.down()  # else the feed's time would set back that of the page, which the test moves
    calls = await page.locator(".calls").bounding_box()
    read, texts = set(), []
    for _ in range(12):
        read |= set(await page.evaluate(READABLE))
        texts.append(await page.locator(".alert:visible p").inner_text())
        assert await page.locator(".alert:visible").count() == 1
        assert await page.locator(".calls").bounding_box() == calls
        await page.clock.run_for(10_000)
    assert read == {*words, "Works", "at", "Gamma", "Take", "the", "X1."}
    assert texts[0] == texts[1] == " ".join(words)
    assert set(texts) == {texts[0], "Take the X1."}


async def test_alerts_on_a_display_take_the_lines_of_the_longest_only(
    page: Page, city: Any, network: BadNetwork
) -> None:
    brief = {"header": {"": "Brief"}}
    await city.show(ALPHA, alerts={"works": ALERT, "brief": brief})
    await stand_still(page)
    await page.goto(f"/?stop={ALPHA}&display=1")
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()
    network.down()  # else the feed's time would set back that of the page, which the test moves
    lines = """alert => (alert.clientHeight
      / parseFloat(getComputedStyle(alert).lineHeight))"""
    for text in ("Works at Gamma", "Brief"):
        alert = page.locator(".alert:visible")
        await expect(alert).to_contain_text(text)
        assert 2 <= await alert.evaluate(lines) < 2.2
        await page.clock.run_for(10_000)


@pytest.mark.parametrize(
    ("scheme", "paper"), [("light", "rgb(244, 246, 248)"), ("dark", "rgb(13, 17, 23)")]
)
async def test_a_display_is_as_light_or_dark_as_its_screen_says(
    scheme: Any, paper: str, page: Page, city: Any
) -> None:
    await city.show(ALPHA)
    await page.emulate_media(color_scheme=scheme)
    await page.goto(f"/?stop={ALPHA}&display=1")
    await expect(page.locator("body")).to_have_css("background-color", paper)


async def test_a_display_takes_a_new_version_of_the_page_at_night(
    phone: BrowserContext, page: Page, city: Any
) -> None:
    await city.show(ALPHA)
    await page.clock.install(time=datetime(2026, 11, 21, 2, tzinfo=NEW_YORK))
    etags = ["one"]
    looks = 0

    async def head(route: Route) -> None:
        nonlocal looks
        if route.request.method == "HEAD":
            await route.fulfill(headers={"ETag": etags[-1]})
            looks += 1
        else:
            await route.continue_()

    await phone.route("**/", head)
    await page.goto(f"/?stop={ALPHA}&display=1")
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()
    await page.evaluate("window.old = true")
    await eventually(lambda: looks == 1)
    etags.append("two")
    await page.clock.fast_forward(30 * 60_000)
    await eventually(lambda: looks == 2)
    assert await page.evaluate("window.old")
    async with page.expect_navigation():
        await page.clock.fast_forward(45 * 60_000)
    assert not await page.evaluate("window.old")


async def test_a_display_keeps_nothing_of_what_has_passed(
    phone: BrowserContext, page: Page, city: Any
) -> None:
    """Some thousand patches, with new calls and alerts in each: the page holds no more than before."""
    await city.show(ALPHA, routes=ROUTES, arrivals=busy())
    await page.goto(f"/?stop={ALPHA}&display=1")
    await expect(page.locator(".call")).to_have_count(5)
    devtools = await phone.new_cdp_session(page)
    await devtools.send("Performance.enable")

    async def held(first: int, last: int) -> dict[str, float]:
        for number in range(first, last):
            arrivals = {f"k{number + n}": call(n + 1, headsign=f"to {number}") for n in range(8)}
            alerts = {f"a{number}": {**ALERT, "header": {"": f"Alert {number}"}}}
            await city.show(ALPHA, routes=ROUTES, arrivals=arrivals, alerts=alerts)
        await expect(page.get_by_text(f"to {last - 1}").first).to_be_visible()
        await devtools.send("HeapProfiler.collectGarbage")
        told = await devtools.send("Performance.getMetrics")
        return {metric["name"]: metric["value"] for metric in told["metrics"]}

    before = await held(0, 200)
    after = await held(200, 1200)
    for name, slack in (("Nodes", 200), ("JSEventListeners", 5), ("JSHeapUsedSize", 1_000_000)):
        assert after[name] <= before[name] + slack, (name, before[name], after[name])
