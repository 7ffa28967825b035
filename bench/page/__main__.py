"""What a visit of the page costs, and whether it stays so while patches come.

    python -m bench.page                        five rounds, then five minutes of patches: 10 minutes
    python -m bench.page --rounds 1 --stay 0    one round, for a look
    python -m bench.page --stop demo:MCAR       of another stop

`stopcast up` serves the demo city; Debian's Chromium, as a phone, opens a stop's board: for the
first time (nothing in its cache) and again, each on loopback and on slow 4G with a processor four
times slower. In each round every kind of visit has its turn, so that a noisy moment hits all of them;
printed are the median, the least and the most, as a table in Markdown for docs/decisions/0026:
milliseconds since the visit began, kilobytes as they were sent. Then the board stays open, and what
the page holds and how it moved is told. Needs Chromium.
"""

import argparse
import asyncio
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from playwright.async_api import Browser, BrowserContext, CDPSession

from bench.chromium import chromium
from bench.page.visit import Line, Visit, opened, visit
from bench.page.vitals import blocked, layout_shift
from bench.replay import process, serves
from schemas.local.embedded import free_port

LOOPBACK = Line()
LINES = {
    "loopback": LOOPBACK,
    # 1.6 Mbit/s and 150 ms: WebPageTest's "Mobile 3G - Fast".
    "slow 4G": Line(150, 1638.4, 750, 4),
    # The same as Lighthouse has Chromium imitate it: 3.75 times the latency, since the handshakes of
    # a connection cost nothing here, and nine tenths of the rate (lighthouse, core/config/constants.js).
    "slow 4G, as Lighthouse": Line(562.5, 1474.56, 675, 4),
}
FORMS = (".0f", ".1f", ".1f", ".0f", ".0f", ".0f", ".0f", ".3f")
TITLES = (
    "requests",
    "kB of files",
    "kB of its stream",
    "first paint",
    "largest paint",
    "first board",
    "blocked",
    "layout shift",
)

Visits = Mapping[str, Sequence[Visit]]


class Held(NamedTuple):
    """What a page holds after garbage collection."""

    heap: float  # MB
    nodes: int
    listeners: int


async def _phone(browser: Browser, url: str) -> BrowserContext:
    """One that has never been here."""
    return await browser.new_context(
        base_url=url, viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True
    )


async def visited(browser: Browser, url: str, path: str, rounds: int) -> Visits:
    """By kind of visit."""
    visits: dict[str, list[Visit]] = {
        f"{kind}, {name}": [] for name in LINES for kind in ("first visit", "again")
    }
    for turn in range(rounds):
        for name, line in LINES.items():
            context = await _phone(browser, url)
            for kind in ("first visit", "again"):
                made = await visit(context, path, line)
                visits[f"{kind}, {name}"].append(made)
                print(f"{turn + 1} {kind + ', ' + name:36} {'  '.join(_cells([made]))}", flush=True)
            await context.close()
    return visits


def _cells(visits: Sequence[Visit]) -> Iterator[str]:
    """Of each figure the median, the least and the most."""
    for values, form in zip(zip(*visits, strict=True), FORMS, strict=True):
        middle, least, most = (
            format(value, form) for value in (median(values), min(values), max(values))
        )
        yield middle if least == most else f"{middle} ({least} to {most})"


def table(visits: Visits) -> str:
    rows = ["| | " + " | ".join(TITLES) + " |", "|---" * (len(TITLES) + 1) + "|"]
    rows += [f"| {kind} | {' | '.join(_cells(made))} |" for kind, made in visits.items()]
    return "\n".join(rows)


async def stayed(browser: Browser, url: str, path: str, minutes: float) -> str:
    """What is to be said of a page that was open for so long."""
    context = await _phone(browser, url)
    page, devtools = await opened(context, LOOPBACK)
    await page.goto(path)
    await page.locator(".call").first.wait_for()
    await page.wait_for_timeout(5000)
    before, start = await _held(devtools), await page.evaluate("[seen.told, performance.now()]")
    for minute in range(1, round(minutes) + 1):
        await asyncio.sleep(60)
        print(f"{minute} of {minutes:.0f} minutes of patches", flush=True)
    after, seen = await _held(devtools), await page.evaluate("seen")
    await context.close()
    told, since = start
    return (
        f"{minutes:.0f} minutes, {seen['told'] - told} changes of the board: "
        f"heap {before.heap:.2f} MB at first, {after.heap:.2f} MB then; "
        f"{before.nodes} nodes, then {after.nodes}; {before.listeners} listeners, "
        f"then {after.listeners}; layout shift {layout_shift(_later(seen['shifts'], since)):.3f}; "
        f"blocked for {blocked(seen['tasks'], since):.0f} ms"
    )


def _later(moments: list[Any], since: float) -> list[Any]:
    return [pair for pair in moments if pair[0] > since]


async def _held(devtools: CDPSession) -> Held:
    await devtools.send("Performance.enable")
    await devtools.send("HeapProfiler.collectGarbage")
    told = await devtools.send("Performance.getMetrics")
    metrics = {metric["name"]: metric["value"] for metric in told["metrics"]}
    return Held(
        metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"]), int(metrics["JSEventListeners"])
    )


async def measured(url: str, stop: str, rounds: int, minutes: float) -> None:
    await serves(url)
    path = f"/?stop={stop}"
    async with chromium() as browser:
        print(f"{'':38} {', '.join(TITLES)}", flush=True)
        visits = await visited(browser, url, path, rounds)
        print(
            f"\n{_machine(browser)}, {rounds} rounds, {stop} of the demo city\n\n{table(visits)}\n"
        )
        if minutes:
            print(await stayed(browser, url, path, minutes))


def _machine(browser: Browser) -> str:
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return (
        f"{datetime.now(UTC).date()}: {cpu}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.0f}), "
        f"Linux {platform.release().partition('-')[0]}, "
        f"Chromium {browser.version}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.page",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="of all kinds of visits (5)")
    parser.add_argument("--stay", type=float, default=5, help="minutes that a board is open (5)")
    parser.add_argument("--stop", default="demo:EMBR", help="whose board (demo:EMBR)")
    given = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="stopcast-bench-") as folder:
        up = ("up", "--port", str(port), "--data-dir", folder)
        unlimited = {"STOPCAST_REQUESTS_PER_ADDRESS": "0", "STOPCAST_STREAMS_PER_ADDRESS": "0"}
        with process(*up, **unlimited):
            url = f"http://127.0.0.1:{port}"
            asyncio.run(measured(url, given.stop, given.rounds, given.stay))


if __name__ == "__main__":
    main()
