"""What axe-core finds on each page, narrow and wide, light and dark: nothing."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.integration.page.scene import ALERT, ALPHA, BETA, ROUTES, busy

# WCAG 2.2, A and AA, and axe's best practices.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


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
