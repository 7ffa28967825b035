"""The README's client, saved and opened in a browser, as it says."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from tests.gateways import Gateway
from tests.integration.page.scene import NOW

README = (Path(__file__).parents[3] / "README.md").read_text()
HERE = "http://127.0.0.1:8000"


async def test_the_readmes_client_shows_the_board_and_its_changes(
    browser: Browser, gateway: Gateway, city: Any, tmp_path: Path
) -> None:
    found = re.search(r"```html\n(.*?)```", README, re.DOTALL)
    assert found
    assert HERE in found[1]
    saved = tmp_path / "boards.html"
    saved.write_text(found[1].replace(HERE, f"http://127.0.0.1:{gateway.port}"))
    soon = {"status": "predicted", "headsign": "Richmond", "departure": NOW + 300}
    later = {**soon, "headsign": "Millbrae", "departure": NOW + 600, "status": "canceled"}
    gone = {**soon, "headsign": "Fremont", "departure": NOW - 60, "status": "departed"}
    await city.show("demo:EMBR", arrivals={"later": later, "soon": soon, "gone": gone})
    page = await browser.new_page()
    await page.clock.set_fixed_time(NOW)  # minutes are counted when a board comes, and not again
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(saved.as_uri())
    await expect(page.locator("li")).to_have_text(
        [re.compile("Richmond: 5 min, predicted"), re.compile("Millbrae: 10 min, canceled")]
    )
    delayed = {**soon, "departure": NOW + 900}
    await city.show("demo:EMBR", arrivals={"later": later, "soon": delayed})
    await expect(page.locator("li")).to_have_text([re.compile("Millb"), re.compile("mond: 15 ")])
    assert not errors
    await page.close()
