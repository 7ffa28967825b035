"""A stop's board on the page: what it says of each call, by which clock, and how it changes."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.integration.page.scene import ALERT, ALPHA, NOW, ROUTES, busy, call, row


async def test_a_call_says_all_that_is_known_of_it(board: Page) -> None:
    await expect(row(board, "Epsilon")).to_contain_text("passed 2 min ago")
    await expect(row(board, "Gamma")).to_contain_text("Platform 2")
    await expect(row(board, "Gamma")).to_contain_text("Few seats")
    await expect(row(board, "Gamma")).to_contain_text("see the alerts")
    await expect(row(board, "Delta")).to_contain_text("Cancelled")
    await expect(row(board, "Zeta")).to_contain_text("Not stopping")
    for headsign in ("Delta", "Zeta"):
        struck = row(board, headsign).locator(".headsign")
        await expect(struck).to_have_css("text-decoration-line", "line-through")
    await expect(row(board, "Eta")).to_contain_text("1:10h")
    await expect(row(board, "Eta")).to_contain_text("wheelchair accessible")
    badge = row(board, "Gamma").locator(".badge")
    await expect(badge).to_have_css("background-color", "rgb(255, 216, 0)")
    await expect(badge).to_have_css("color", "rgb(0, 0, 0)")  # white on yellow cannot be read
    await expect(board.locator(".about")).to_contain_text("Paris time")


async def test_what_has_left_is_one_line_high_and_what_is_off_is_dim(page: Page, city: Any) -> None:
    dim = "rgb(89, 99, 110)"
    left = {"status": "departed", "platform_code": "2", "wheelchair_accessible": True}
    arrivals = {
        "short": call(-2, status="departed", headsign="Short"),
        "long": call(-1, headsign="Long " * 20, alerts=["works"], route_id="demo:x", **left),
        "off": call(6, status="canceled", headsign="Delta", platform_code="3"),
        "soon": call(7, platform_code="4"),
    }
    await city.show(ALPHA, routes=ROUTES, arrivals=arrivals, alerts={"works": ALERT})
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".call")).to_have_count(4)
    heights = await page.evaluate(
        "[...document.querySelectorAll('.departed')].map(row => row.offsetHeight)"
    )
    assert heights[0] == heights[1] < 45
    await expect(row(page, "Delta").locator(".platform")).to_have_css("color", dim)
    await expect(row(page, "Gamma").locator(".platform")).not_to_have_css("color", dim)
    middles = await row(page, "Delta").evaluate(
        """row => [row, row.querySelector(".unit")].map(element => {
          const { top, bottom } = element.getBoundingClientRect()
          return (top + bottom) / 2
        })"""
    )
    assert middles[0] == pytest.approx(middles[1], abs=1.5)


async def test_an_alert_unfolds_and_stays_so_when_patches_come(board: Page, city: Any) -> None:
    text = board.get_by_text("Take the X1.")
    await expect(text).to_be_hidden()
    await board.get_by_text("Works at Gamma").click()
    await expect(text).to_be_visible()
    other = {"other": {"header": {"": "Another"}}}
    await city.show(ALPHA, routes=ROUTES, arrivals=busy(), alerts={"works": ALERT, **other})
    await expect(board.get_by_text("Another")).to_be_visible()
    await expect(text).to_be_visible()
    await expect(board.get_by_role("link", name="More about this")).to_have_attribute(
        "href", "https://example.org/works"
    )


async def test_a_patch_touches_the_rows_that_it_is_about_and_no_other(
    board: Page, city: Any
) -> None:
    await board.evaluate("""() => {
      window.touched = new Set()
      for (const row of document.querySelectorAll(".call"))
        new MutationObserver(() => touched.add(row.querySelector(".headsign").textContent))
          .observe(row, { childList: true, subtree: true, attributes: true })
      window.removed = 0
      new MutationObserver(changes => { for (const { removedNodes } of changes) removed += removedNodes.length })
        .observe(document.querySelector(".calls"), { childList: true })
    }""")
    arrivals = city.boards[ALPHA]["arrivals"]
    moved = {**arrivals["soon"], "departure": arrivals["soon"]["departure"] + 90, "delay": 90}
    await city.show(
        ALPHA, routes=ROUTES, arrivals={**arrivals, "soon": moved}, alerts={"works": ALERT}
    )
    await expect(row(board, "Gamma")).to_contain_text("2 min late")
    assert await board.evaluate("[...touched]") == ["Gamma"]
    assert await board.evaluate("removed") == 0


async def test_times_count_by_the_boards_clock_whatever_the_device_believes(
    page: Page, city: Any
) -> None:
    """A replay lives in its past, and phones are wrong."""
    then = NOW - 86_400
    await city.publisher.tell(now=float(then), timestamp=then - 180, status="stale", rate=0.0)
    await city.show(ALPHA, routes=ROUTES, arrivals={"k": call(0, departure=then + 290)})
    await page.goto(f"/?stop={ALPHA}")
    await expect(row(page, "Gamma")).to_contain_text("4min")
    await expect(row(page, "Gamma")).to_contain_text("23:18")  # 13 November 2023 in Paris
    await expect(page.get_by_text("Predictions are 3 min old")).to_be_visible()


async def test_a_feed_that_is_down_is_said_so(board: Page, city: Any) -> None:
    await city.publisher.tell(status="down")
    await expect(board.get_by_text("No live data at the moment")).to_be_visible()


async def test_whatever_a_feed_calls_things_fits_a_small_phone(page: Page, city: Any) -> None:
    long = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
    hebrew = "ירושלים (מרכזית)."
    routes = {**ROUTES, "demo:l": {"long_name": long, "color": "123456"}}
    many = {str(number): call(number, headsign=long, route_id="demo:l") for number in range(40)}
    many["rtl"] = call(41, headsign=hebrew, platform_code=long)
    alerts = {"long": {"header": {"": long * 3}, "description": {"": long * 9}}}
    await city.show(ALPHA, long, routes=routes, arrivals=many, alerts=alerts)
    await page.set_viewport_size({"width": 320, "height": 700})
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".call")).to_have_count(41)
    await page.locator("summary").click()
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    headsign = row(page, hebrew).locator(".headsign")
    first, last = await headsign.evaluate("""element => {
      const range = document.createRange(), text = element.firstChild
      return [0, text.length - 1].map(at => {
        range.setStart(text, at)
        range.setEnd(text, at + 1)
        return range.getBoundingClientRect().left
      })
    }""")
    assert last < first  # its full stop is at its end, which is on the left


async def test_text_of_a_feed_is_never_markup(page: Page, city: Any) -> None:
    evil = "<img src=x onerror=alert(1)>"
    alert = {"header": {"": evil}, "url": {"": "javascript:alert(1)"}, "description": {"": evil}}
    route = {"demo:r": {"short_name": evil, "color": "red;}", "text_color": '"'}}
    await city.show(
        ALPHA, evil, routes=route, arrivals={"k": call(5, headsign=evil)}, alerts={"k": alert}
    )
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".headsign")).to_have_text(evil)
    assert await page.locator("img").count() == 0
    assert await page.locator("a[href^=javascript]").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_a_routes_name_is_on_one_line(width: int, page: Page, city: Any) -> None:
    names = ["Yellow", "Orange", "Green", "Red-N"]
    routes = {name: {"short_name": name} for name in names}
    arrivals = {name: {**call(n + 1), "route_id": name} for n, name in enumerate(names)}
    await city.show(ALPHA, routes=routes, arrivals=arrivals)
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".call .badge")).to_have_count(4)
    lines = """badge => { const text = document.createRange(); text.selectNodeContents(badge);
        return text.getClientRects().length }"""
    for badge in await page.locator(".call .badge").all():
        assert await badge.evaluate(lines) == 1
