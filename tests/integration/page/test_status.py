"""`/status`, in Chromium: with several gateways behind one address, and with none."""

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, Route, expect

from tests.cuts import BadNetwork

LOOK = 3000  # milliseconds, as in status.js
NONE = "–"  # noqa: RUF001  # as it is typeset
RATES = ("Events out per second", "Changes in per second")


@pytest.fixture
async def page(phone: BrowserContext) -> Page:
    """Its time stands still but for `run_for`."""
    page = await phone.new_page()
    await page.clock.install(time=0)
    await page.clock.pause_at(LOOK)
    return page


class Gateways:
    """What `/v1/status` answers: whichever gateway was chosen."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        self.chosen = ""

    def choose(self, gateway: str, *counts: int) -> None:
        names = ("streams", "stops", "opened", "messages", "deliveries")
        self.counts[gateway] = dict(zip(names, counts, strict=True))
        self.chosen = gateway

    async def answer(self, route: Route) -> None:
        await route.fulfill(json={"gateway": self.chosen, **self.counts[self.chosen]})


def value(page: Page, name: str) -> Locator:
    return page.locator("dl div", has=page.get_by_text(name, exact=True)).locator("dd")


async def _shows(page: Page, *values: str) -> None:
    """Streams since the start first: each look of these tests changes them."""
    names = ("Streams since the start", "Open streams", "Stops followed", *RATES)
    for name, text in zip(names, values, strict=True):
        await expect(value(page, name)).to_have_text(text)


async def test_gateways_behind_one_address_are_told_apart_and_summed(page: Page) -> None:
    gateways = Gateways()
    await page.route("**/v1/status", gateways.answer)
    gateways.choose("a", 10, 3, 20, 100, 5000)
    await page.goto("/status")
    await _shows(page, "20", "10", "3", NONE, NONE)
    gateways.choose("b", 1000, 40, 3000, 7, 90)
    await page.clock.run_for(LOOK)
    await _shows(page, "3,020", "1,010", "43", NONE, NONE)
    gateways.choose("a", 11, 3, 21, 103, 5015)  # 6 s after its last look
    await page.clock.run_for(LOOK)
    await _shows(page, "3,021", "1,011", "43", "2.5", "0.5")
    gateways.choose("b", 1000, 41, 3001, 13, 180)
    await page.clock.run_for(LOOK)
    await _shows(page, "3,022", "1,011", "44", "18", "1.5")


async def test_a_gateway_that_answers_no_more_is_forgotten(page: Page) -> None:
    gateways = Gateways()
    await page.route("**/v1/status", gateways.answer)
    gateways.choose("a", 10, 3, 20, 100, 5000)
    await page.goto("/status")
    await _shows(page, "20", "10", "3", NONE, NONE)
    for place in range(11):  # 33 s
        gateways.choose("b", 5, 2, 1000 + place, 0, 0)
        await page.clock.run_for(LOOK)
        gone = place == 10
        await expect(value(page, "Open streams")).to_have_text("5" if gone else "15")
        opened = 1000 + place + (0 if gone else 20)
        await expect(value(page, "Streams since the start")).to_have_text(f"{opened:,}")


FEED: dict[str, Any] = {
    "feed_id": "demo", "status": "live", "timestamp": 0, "now": 6, "age": 6, "complete": True,
}  # fmt: skip


async def _color(element: Locator) -> str:
    color = await element.evaluate("element => getComputedStyle(element).color")
    assert isinstance(color, str)
    return color


async def test_what_was_told_before_the_line_was_lost_grows_old_and_loses_its_colour(
    page: Page, network: BadNetwork
) -> None:
    async def feeds(route: Route) -> None:
        await (route.fulfill(json={"feeds": [FEED]}) if network.up else route.continue_())

    await page.route("**/v1/feeds", feeds)
    await page.goto("/status")
    state, status = page.locator("#state"), page.locator(".feed h2").get_by_text("live")
    await expect(state).to_have_text("Live")
    await expect(value(page, "Data")).to_have_text("6 s old")
    soft = await _color(page.locator("dt").first)
    assert soft not in {await _color(status), await _color(value(page, "Open streams"))}
    network.down()
    for age in (9, 12):
        await page.clock.run_for(LOOK)
        await expect(value(page, "Data")).to_have_text(f"{age} s old")
        await expect(state).to_have_text("No connection.")
    assert soft == await _color(status) == await _color(value(page, "Open streams"))
    network.up = True
    await page.clock.run_for(LOOK)
    await expect(value(page, "Data")).to_have_text("6 s old")
    await expect(state).to_have_text("Live")
    assert soft != await _color(status)


async def test_a_line_that_is_dead_without_a_word_is_told(page: Page) -> None:
    await page.goto("/status")
    await expect(page.locator("#state")).to_have_text("Live")
    await page.route("**/v1/status", lambda _: None)  # never answered
    await page.clock.run_for(LOOK)
    await expect(page.locator("#state")).to_have_text("Live")
    await page.clock.run_for(5000)  # PATIENCE in status.js
    await expect(page.locator("#state")).to_have_text("No answer.")
