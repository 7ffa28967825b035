"""Debian's Chromium, driven by Playwright."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

PATIENCE = 60_000  # milliseconds for what must come, however busy the machine is
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-precise-memory-info",
)
# What a page gets that asks for the system's own font, which is another one on each system.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match><edit name="family" mode="prepend" binding="strong"><string>{font}</string></edit></match>
</fontconfig>"""


@asynccontextmanager
async def chromium(font: str = "sans-serif") -> AsyncIterator[Browser]:
    """A browser of its own, until the block ends; `font` is what it takes for the system's.

    Raises:
        SystemExit: there is no Chromium here.
    """
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("chromium is not there; on Debian: apt-get install chromium")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as fonts:
        fonts.write(FONTS.format(font=font))
        fonts.flush()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=path,
                args=[*FLAGS],
                timeout=PATIENCE,
                env={**os.environ, "FONTCONFIG_FILE": fonts.name},
            )
            yield browser
            await browser.close()
