"""Why there is no stream: what a rider is told of it, and for how long."""

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.integration.page.scene import ALPHA, ROUTES, busy, stand_still


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
