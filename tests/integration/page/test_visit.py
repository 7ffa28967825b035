"""bench/page: what is measured of a visit is there to be measured."""

from typing import Any

from playwright.async_api import Browser, BrowserContext

from bench.page.visit import Line, visit
from tests.gateways import Gateway

ALPHA = "demo:a"
PATH = f"/?stop={ALPHA}"
# What a page fetches after 10 s, for other addresses, is no part of a visit, however long that takes.
NOTHING_LATER = """(() => {
  const wait = setTimeout
  window.setTimeout = (act, time, ...rest) => (time >= 10_000 ? 0 : wait(act, time, ...rest))
})()"""


async def _phone(browser: Browser, gateway: Gateway, city: Any) -> BrowserContext:
    call = {"status": "predicted", "headsign": "Gamma", "departure": 2_000_000_000}
    await city.show(ALPHA, arrivals={"soon": call})
    phone = await browser.new_context(base_url=f"http://127.0.0.1:{gateway.port}")
    await phone.add_init_script(NOTHING_LATER)
    return phone


async def test_a_visit_again_asks_for_as_much_and_gets_less(
    browser: Browser, gateway: Gateway, city: Any
) -> None:
    phone = await _phone(browser, gateway, city)
    first, again = [await visit(phone, PATH, Line()) for _ in range(2)]
    assert first.requests == again.requests > 10
    assert first.files > 2 * again.files > 0
    assert first.board_bytes > 0.2
    for each in (first, again):
        assert 0 < each.first_paint <= each.largest_paint
        assert each.board > 0
    await phone.close()


async def test_a_slow_line_is_felt(browser: Browser, gateway: Gateway, city: Any) -> None:
    """Three answers follow each other: the page, its scripts, the board."""
    phone = await _phone(browser, gateway, city)
    assert (await visit(phone, PATH, Line(latency=500))).board > 1500
    await phone.close()
