"""What a rider does, in Chromium: find a stop, watch it, lose the network, come back."""

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.cuts import BadNetwork
from tests.gateways import Gateway, eventually
from tests.integration.page.scene import ALPHA, ROUTES, busy, call, row, stand_still


async def test_a_rider_finds_a_stop_watches_it_and_is_back_after_a_tunnel(
    page: Page, city: Any, network: BadNetwork
) -> None:
    arrivals = busy()
    await city.show(ALPHA, routes=ROUTES, arrivals=arrivals)
    await page.goto("/")
    await page.get_by_label("Find your stop").fill("alph")
    await expect(page.get_by_role("status").filter(has_text="1 stop")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Alpha", level=1)).to_be_visible()
    await expect(page).to_have_url(f"http://127.0.0.1:{network.port}/?stop={ALPHA}")
    await expect(row(page, "Gamma")).to_contain_text("3min")
    await expect(row(page, "Gamma")).to_contain_text("on time")
    arrivals["soon"] = call(9, delay=360, scheduled_departure=arrivals["soon"]["departure"])
    await city.show(ALPHA, routes=ROUTES, arrivals=arrivals)
    await expect(row(page, "Gamma")).to_contain_text("9min")
    await expect(row(page, "Gamma")).to_contain_text("6 min late")
    network.down()
    await expect(page.get_by_text("No connection, trying again")).to_be_visible()
    await expect(row(page, "Gamma")).to_contain_text("9min")
    arrivals["soon"] = call(14, delay=660)
    del arrivals["gone"]
    await city.show(ALPHA, routes=ROUTES, arrivals=arrivals)
    network.up = True
    await expect(row(page, "Gamma")).to_contain_text("14min")
    await expect(page.locator("#state")).to_have_text("Live")
    await expect(page.locator(".call")).to_have_count(4)


async def test_favourites_stay_and_show_what_comes_next(board: Page) -> None:
    keep = board.get_by_role("button", name="Favourite")
    await keep.click()
    await expect(keep).to_have_attribute("aria-pressed", "true")
    await board.get_by_role("link", name="Stopcast").click()
    await expect(board.get_by_role("heading", name="Favourites")).to_be_visible()
    await expect(row(board, "Gamma")).to_contain_text("min")
    await expect(row(board, "Epsilon")).to_have_count(0)  # it has left
    await expect(board.get_by_text(re.compile(r"^Data \d+ s old$"))).to_be_visible()
    await board.reload()
    await board.get_by_role("link", name="Alpha").first.click()
    await expect(board.get_by_role("heading", name="Alpha", level=1)).to_be_visible()
    await expect(board.locator(".call")).to_have_count(5)
    await board.go_back()
    await expect(board.get_by_role("heading", name="Favourites")).to_be_visible()


async def test_a_token_stays_in_the_address_wherever_one_goes(page: Page, city: Any) -> None:
    await city.show(ALPHA)
    await page.goto(f"/?stop={ALPHA}#access_token=secret")
    await page.get_by_role("link", name="Stopcast").click()
    await expect(page).to_have_url(re.compile(r"/#access_token=secret$"))
    await page.locator(".stops").get_by_role("link", name="Alpha").click()
    await expect(page).to_have_url(re.compile(rf"/\?stop={ALPHA}#access_token=secret$"))
    status = page.get_by_role("link", name="Status")
    await expect(status).to_have_attribute("href", re.compile("/status#access_token=secret$"))


async def test_a_hidden_page_rests_and_is_right_when_seen(board: Page, gateway: Gateway) -> None:
    await stand_still(board)
    await board.reload()
    await expect(board.locator(".call")).to_have_count(5)
    hide = """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true })
      document.dispatchEvent(new Event("visibilitychange"))
    }"""
    await board.evaluate(hide, True)
    await board.clock.run_for(61_000)
    await eventually(lambda: not gateway.hub.subscribers)
    await board.evaluate(hide, False)
    await eventually(lambda: len(gateway.hub.subscribers) == 1)
