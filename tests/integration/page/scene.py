"""What stands on the boards of these tests, where it is on the page, and the page's time."""

from typing import Any

from playwright.async_api import Page

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
# What every board's clock shows, however long a test takes: minutes that are left do not pass.
NOW = 1_700_000_000


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
