"""The pictures of README and docs/images, taken anew: the same city, the same minute each time.

    python -m bench.pictures                  all, into docs/images (half a minute)
    python -m bench.pictures phone wall       only these
    python -m bench.pictures --to /tmp        somewhere else, to be looked at first

A gateway in front of an embedded Valkey and PostgreSQL serves the boards of bench/pictures/scene.py;
the feed's clock and the browser's stand still at the same moment. Needs Chromium and the font Inter (on
Debian: chromium, fonts-inter). Look at them before you commit them.
"""

import argparse
import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from zipfile import ZipFile

from playwright.async_api import Browser, Page, expect

from bench.chromium import PATIENCE, chromium
from bench.pictures import palette, scene
from feeds.gtfs.schedule_import import import_schedule
from gateway.settings import GatewaySettings
from schemas import database, frames, logs
from schemas.live import LiveStore
from schemas.local import embedded
from schemas.stored_board import Publication
from tests.gateways import running
from tests.publisher import Publisher

expect.set_options(timeout=PATIENCE)
IMAGES = Path(__file__).parents[2] / "docs" / "images"
PIXELS = """async screenshot => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${screenshot}`)).blob())
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d")
  canvas.drawImage(image, 0, 0)
  const { data } = canvas.getImageData(0, 0, image.width, image.height)
  const reader = new FileReader()
  reader.readAsDataURL(new Blob([data]))
  await new Promise(done => reader.onload = done)
  return reader.result.split(",")[1]
}"""
HEAVY = 200_000  # bytes of a picture that README should not have
CENTRAL, HARBOUR, UNIVERSITY = scene.boards()


class Picture(NamedTuple):
    """What is opened, on what screen, and what a rider does there before the picture is taken."""

    path: str
    width: int
    height: int
    scale: float  # pixels of the device to one of the page
    scheme: Literal["light", "dark"]
    act: Callable[[Page], Awaitable[None]]


async def _unfolds_the_alert(page: Page) -> None:
    await page.get_by_role("button", name="Favourite").first.click()
    await page.get_by_text("platform 3, not 1").first.click()
    await page.mouse.move(0, 0)
    await expect(page.get_by_text("Both platforms have lifts").first).to_be_visible()


async def _looks_at_favourites(page: Page) -> None:
    for stop in (CENTRAL, HARBOUR):
        await page.goto(f"/?stop={stop}")
        await page.get_by_role("button", name="Favourite").click()
    await page.goto("/")
    await expect(page.locator(".stops a")).to_have_count(len(scene.NAMES))
    await expect(page.locator(".call")).to_have_count(6)


async def _stands_before_it(page: Page) -> None:
    await expect(page.locator(".clock")).to_have_text("17:24")
    await expect(page.locator(".wall .board")).to_have_count(3)


ALL = f"/?stop={CENTRAL}&stop={UNIVERSITY}&stop={HARBOUR}"
PICTURES = {
    "phone": Picture(f"/?stop={CENTRAL}", 390, 844, 2, "light", _unfolds_the_alert),
    "dark": Picture("/", 390, 844, 2, "dark", _looks_at_favourites),
    "desktop": Picture(ALL, 1280, 800, 1.5, "light", _unfolds_the_alert),
    "wall": Picture(f"{ALL}&display=1", 1920, 1080, 1, "dark", _stands_before_it),
}


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The URL of a gateway that serves the scene, whose clock stands still."""
    async with AsyncExitStack() as stack:
        redis_url = stack.enter_context(embedded.valkey())
        database_url = stack.enter_context(embedded.postgres())
        await _import(database_url)
        live = LiveStore.connect(redis_url)
        stack.push_async_callback(live.close)
        publisher = await Publisher.own(live, scene.FEED_ID)
        await publisher.tell(now=float(scene.NOW), timestamp=scene.NOW - 6, rate=0.0)
        publications = []
        for stop_id, board in scene.boards().items():
            frame = frames.event("snapshot", board)
            publications.append(Publication(stop_id, None, board["version"], frame, frame))
        assert await live.publish(publisher.lease, publications) == []
        gateway = await stack.enter_async_context(
            running(redis_url, database_url=database_url, owner_timeout=600)
        )
        yield f"http://127.0.0.1:{gateway.port}"


async def _import(database_url: str) -> None:
    await database.migrate(database_url)
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        with ZipFile(file, "w") as archive:
            for name, text in scene.schedule().items():
                archive.writestr(name, text)
        file.flush()
        async with database.connect(database_url) as connection:
            await import_schedule(file.name, scene.FEED_ID, connection)


async def take(browser: Browser, url: str, picture: Picture) -> bytes:
    context = await browser.new_context(
        base_url=url,
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        color_scheme=picture.scheme,
        locale="en-GB",
        timezone_id=scene.ZONE,
    )
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    await page.clock.set_fixed_time(scene.NOW)
    await page.goto(picture.path)
    await picture.act(page)
    await expect(page.locator("#state")).to_have_text("Live")
    await expect(page.locator("[aria-busy]")).to_have_count(0)
    screenshot = await page.screenshot(animations="disabled")
    await context.close()
    pixels = await _pixels(browser, screenshot)
    return palette.png(pixels, round(picture.width * picture.scale))


async def _pixels(browser: Browser, screenshot: bytes) -> bytes:
    """As palette.png takes them. The browser knows how to read what it has written."""
    page = await browser.new_page()
    await page.goto("about:blank")
    found = await page.evaluate(PIXELS, base64.b64encode(screenshot).decode())
    await page.close()
    return base64.b64decode(found)


async def taken(names: Sequence[str]) -> dict[str, bytes]:
    """The files of these pictures, by name."""
    async with served() as url, chromium(font="Inter") as browser:
        return {name: await take(browser, url, PICTURES[name]) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", nargs="*", help=", ".join(PICTURES), metavar="picture")
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder (docs/images)")
    given = parser.parse_args()
    if unknown := set(given.pictures) - set(PICTURES):
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    logs.configure(GatewaySettings.load(log_level="warning"))
    for name, picture in asyncio.run(taken(given.pictures or list(PICTURES))).items():
        file = given.to / f"{name}.png"
        file.write_bytes(picture)
        heavy = ", too heavy for README" if len(picture) > HEAVY else ""
        print(f"{file}: {len(picture) / 1000:.0f} kB{heavy}")


if __name__ == "__main__":
    main()
