"""What a rider does, in Chromium: find a stop, watch it, lose the network, come back."""

import asyncio
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import BrowserContext, Page, Request, Route, expect

from gateway.page import FILES
from tests.cuts import BadNetwork
from tests.gateways import Gateway, eventually
from tests.integration.page.conftest import NOW

ALPHA, BETA = "demo:a", "demo:b"
ROUTES = {
    "demo:r": {"short_name": "7", "color": "FFD800", "text_color": "FFFFFF", "type": 3},
    "demo:x": {"short_name": "X1", "type": 2},
}
ALERT = {
    "header": {"fr": "Travaux", "en": "Works at Gamma"},
    "description": {"en": "Take the X1."},
    "url": {"en": "https://example.org/works"},
    "severity": "warning",
}
NEW_YORK = ZoneInfo("America/New_York")  # where the phone is
PAGES = {"/": "index.html", "/status": "status.html"}
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
# WCAG 2.2, A and AA, and axe's best practices.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def call(minutes: float, **members: Any) -> dict[str, Any]:
    """A predicted call so many minutes ahead, and not at the edge of one."""
    moment = int(NOW + minutes * 60 + 30)
    return {
        "route_id": "demo:r", "headsign": "Gamma", "status": "predicted", "departure": moment,
        "scheduled_departure": moment, "delay": 0, **members,
    }  # fmt: skip


def busy() -> dict[str, Any]:
    return {
        "gone": call(-3, status="departed", headsign="Epsilon", route_id="demo:x"),
        "soon": call(3, platform_code="2", occupancy="few_seats_available", alerts=["works"]),
        "off": call(6, status="canceled", headsign="Delta"),
        "past": call(8, status="skipped", headsign="Zeta"),
        "later": call(70, status="scheduled", headsign="Eta", wheelchair_accessible=True),
    }


def row(page: Page, headsign: str) -> Any:
    return page.locator(".call").filter(has=page.get_by_text(headsign, exact=True))


async def stand_still(page: Page) -> None:
    """No time passes on it from here on, but by `run_for` and `fast_forward`."""
    await page.clock.install(time=NOW)
    await page.clock.pause_at(NOW + 3600)  # later than a slow machine is by now


@pytest.fixture
async def page(phone: BrowserContext) -> Page:
    return await phone.new_page()


@pytest.fixture
async def board(page: Page, city: Any) -> Page:
    """The board of Alpha, opened; its minutes stand still."""
    await page.clock.set_fixed_time(NOW)
    await city.show(ALPHA, routes=ROUTES, arrivals=busy(), alerts={"works": ALERT})
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator(".call")).to_have_count(5)
    return page


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


async def test_a_stop_that_does_not_exist_is_explained(page: Page, city: Any) -> None:
    await city.show(ALPHA)
    await page.goto("/?stop=demo:none")
    await expect(page.get_by_text("There is no stop 'demo:none'")).to_be_visible()
    await page.goto(f"/?stop=demo:none&stop={ALPHA}")
    await expect(page.get_by_text("There is no such stop.")).to_be_visible()
    await expect(page.get_by_text("Nothing leaves here")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "Sign-in needed"),
        (403, "Not allowed here"),
        (404, "Unknown stop"),
        (422, "This address does not work"),
        (429, "Too many requests, trying again within 60 s"),
        (500, "The server has a fault, trying again within 60 s"),
        (503, "Server busy, trying again within 60 s"),
    ],
)
async def test_a_refusal_says_what_is_true_and_is_over_when_it_is_over(
    status: int, words: str, page: Page, city: Any
) -> None:
    await city.show(ALPHA, routes=ROUTES, arrivals=busy())
    problem = {"detail": "So it is.", "code": "some", "status": status}
    headers = {"Content-Type": "application/problem+json", "Retry-After": "40"}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, headers=headers, json=problem)

    await page.add_init_script("Math.random = () => 0.5")  # so that 40 s are 50
    await stand_still(page)
    await page.route("**/v1/stream?*", refuse)
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator("#state")).to_have_text(words)
    await expect(page.get_by_text("So it is.")).to_be_visible()
    await page.unroute("**/v1/stream?*")
    await page.clock.fast_forward(180_000)
    await expect(page.locator("#state")).to_have_text("Live")
    await expect(page.locator(".call")).to_have_count(5)
    await expect(page.get_by_text("So it is.")).to_be_hidden()


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("rate_limited", "Too many requests, trying again within 60 s"),
        ("overloaded", "Server busy, trying again within 60 s"),
        ("unavailable", "Server busy, trying again within 60 s"),
        ("draining", "No connection, trying again"),
    ],
)
async def test_a_goodbye_for_long_is_said_too(
    reason: str, words: str, page: Page, city: Any
) -> None:
    """A gateway over a limit refuses streams by a goodbye (docs/protocol.md)."""
    await city.show(ALPHA)
    goodbye = f'retry: 60000\n\nevent: goodbye\ndata: {{"reason":"{reason}"}}\n\n'

    async def refuse(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=goodbye)

    await stand_still(page)
    await page.route("**/v1/stream?*", refuse)
    await page.goto(f"/?stop={ALPHA}")
    await expect(page.locator("#state")).to_have_text("Connecting …")
    await page.clock.run_for(5000)
    await expect(page.locator("#state")).to_have_text(words)
    await page.unroute("**/v1/stream?*")
    await page.route("**/v1/stream?*", lambda route: route.abort())
    await page.clock.run_for(60_000)
    await expect(page.locator("#state")).to_have_text("No connection, trying again")


async def test_a_refusal_is_not_said_of_what_comes_after_it(
    phone: BrowserContext, page: Page, city: Any
) -> None:
    await city.show(ALPHA)
    await stand_still(page)
    await page.goto("/?stop=demo:none")
    await expect(page.locator("#state")).to_have_text("Unknown stop")
    await phone.route("**/v1/stream?*", lambda route: route.abort())
    await page.get_by_role("link", name="Stopcast").click()
    await page.locator(".stops").get_by_role("link", name="Alpha").click()
    await expect(page.get_by_text("Loading …")).to_be_visible()
    await page.clock.run_for(5000)
    await expect(page.locator("#state")).to_have_text("No connection, trying again")
    await expect(page.get_by_text("There is no stop")).to_have_count(0)
    await phone.set_offline(True)
    await page.clock.run_for(1000)
    await expect(page.locator("#state")).to_have_text("You are offline")


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


async def test_a_token_stays_in_the_address_wherever_one_goes(page: Page, city: Any) -> None:
    await city.show(ALPHA)
    await page.goto(f"/?stop={ALPHA}#access_token=secret")
    await page.get_by_role("link", name="Stopcast").click()
    await expect(page).to_have_url(re.compile(r"/#access_token=secret$"))
    await page.locator(".stops").get_by_role("link", name="Alpha").click()
    await expect(page).to_have_url(re.compile(rf"/\?stop={ALPHA}#access_token=secret$"))
    status = page.get_by_role("link", name="Status")
    await expect(status).to_have_attribute("href", re.compile("/status#access_token=secret$"))


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


async def test_a_display_is_left_as_it_was_come_to(board: Page) -> None:
    await board.get_by_role("link", name="Wall display").click()
    await expect(board.locator(".wall .call")).to_have_count(5)
    assert await board.evaluate(TOUCHABLE) == []
    await board.go_back()
    await expect(board.get_by_role("button", name="Favourite")).to_be_visible()
    await board.get_by_role("link", name="Stopcast").click()
    await expect(board.get_by_label("Find your stop")).to_be_visible()


async def _cut(page: Page, network: BadNetwork) -> None:
    """From here on no feed tells the time: where a page's is moved by a test, it would move it back."""
    async with page.expect_event("requestfailed"):
        network.down()


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
    await _cut(page, network)
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
    await _cut(page, network)
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


async def _violations(page: Page, axe: str) -> list[str]:
    await page.evaluate(axe)
    result = await page.evaluate(
        "rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", RULES
    )
    return [
        f"{found['id']}: {node['html']} {node['failureSummary']}"
        for found in result["violations"]
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/?stop={ALPHA}",
        f"/?stop={ALPHA}&stop={BETA}",
        f"/?stop={ALPHA}&display=1",
        "/status",
        "/docs",
    ],
)
async def test_axe_finds_nothing(  # noqa: PLR0917  # three parameters and three fixtures
    path: str, width: int, scheme: Any, page: Page, city: Any, axe: str
) -> None:
    await city.show(ALPHA, routes=ROUTES, arrivals=busy(), alerts={"works": ALERT})
    await city.show(BETA, "Beta")
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 1600})
    await page.add_init_script(
        f'localStorage.setItem(\'stopcast.favourites\', \'[{{"stop_id":"{ALPHA}","name":"Alpha"}}]\')'
    )
    await page.goto(path)
    shown = {"/status": "demo", "/docs": "Tokens"}.get(path, "Gamma")
    await expect(page.get_by_text(shown).first).to_be_visible()
    if path == "/":
        await page.get_by_role("button", name="3 platforms of Omega Central").click()
        await expect(page.locator(".stops .badge")).to_have_count(12)
    assert await _violations(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


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
    await eventually(
        lambda: "icon.svg" in _files_of(requests)
    )  # a browser asks for it when it likes
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
