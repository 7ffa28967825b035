"""One visit of the page, over a line and on a device as slow as wanted, and what it cost."""

from collections import Counter
from typing import Any, NamedTuple

from playwright.async_api import BrowserContext, CDPSession, Page

from bench.page.vitals import blocked, layout_shift

SETTLE = 2000  # milliseconds from the board until the visit is counted: late shifts
# Chromium observes tasks and shifts of which nobody asks later; ours are counted from the start.
PROBE = """(() => {
  const seen = window.seen = { shifts: [], tasks: [], first: 0, largest: 0, board: 0, told: 0 }
  const observe = (type, take) =>
    new PerformanceObserver(list => list.getEntries().forEach(take)).observe({ type, buffered: true })
  observe("layout-shift", entry => entry.hadRecentInput || seen.shifts.push([entry.startTime, entry.value]))
  observe("longtask", entry => seen.tasks.push([entry.startTime, entry.duration]))
  observe("largest-contentful-paint", entry => { seen.largest = entry.startTime })
  observe("paint", entry => { if (entry.name === "first-contentful-paint") seen.first = entry.startTime })
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".call")) return
    observer.disconnect()
    requestAnimationFrame(() => setTimeout(() => { seen.board = performance.now() }))  // it is painted
  }).observe(document, { childList: true, subtree: true })
  const dispatch = EventTarget.prototype.dispatchEvent
  EventTarget.prototype.dispatchEvent = function (event) {
    if (event.type === "board") seen.told++
    return dispatch.call(this, event)
  }
})()"""


class Line(NamedTuple):
    """A network and a device, as Chromium's developer tools imitate them; rates in kbit/s."""

    latency: float = 0  # milliseconds until an answer begins; a connection as such costs nothing
    down: float = -1  # as fast as it is
    up: float = -1
    slowdown: float = 1  # of the processor


class Visit(NamedTuple):
    """Times in milliseconds since the visit began."""

    requests: int
    files: float  # kilobytes
    board_bytes: float  # kilobytes, of the stream
    first_paint: float
    largest_paint: float
    board: float
    blocked: float
    layout_shift: float


class Traffic:
    """Bytes of each request's answer as they were sent, headers included; streams do not end."""

    def __init__(self, devtools: CDPSession) -> None:
        self._urls: dict[str, str] = {}
        self._bytes: Counter[str] = Counter()
        devtools.on("Network.requestWillBeSent", self._asked)
        devtools.on("Network.responseReceived", self._answered)
        devtools.on("Network.dataReceived", self._received)
        devtools.on("Network.loadingFinished", self._finished)

    @property
    def requests(self) -> int:
        return len(self._urls)

    def kilobytes(self, *, streams: bool) -> float:
        """Of the streams, or of everything else."""
        return sum(
            self._bytes[request] / 1000
            for request, url in self._urls.items()
            if ("/v1/stream" in url) == streams
        )

    def _asked(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]

    def _answered(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] += int(event["response"]["encodedDataLength"])

    def _received(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] += event["encodedDataLength"]

    def _finished(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = int(event["encodedDataLength"])


async def opened(context: BrowserContext, line: Line) -> tuple[Page, CDPSession]:
    """A page that is observed, with nothing in it yet."""
    page = await context.new_page()
    await page.add_init_script(PROBE)
    devtools = await context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": line.latency,
            "downloadThroughput": line.down * 1000 / 8 if line.down > 0 else -1,
            "uploadThroughput": line.up * 1000 / 8 if line.up > 0 else -1,
        },
    )
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": line.slowdown})
    return page, devtools


async def visit(context: BrowserContext, path: str, line: Line) -> Visit:
    """Open the page and leave it when its board stands.

    Raises:
        playwright.async_api.TimeoutError: no board came.
    """
    page, devtools = await opened(context, line)
    traffic = Traffic(devtools)
    # A browser asks for the icon, and says what it painted, when it has a moment to spare.
    async with page.expect_request_finished(lambda request: request.url.endswith("/icon.svg")):
        await page.goto(path)
    await page.locator(".call").first.wait_for()
    await page.wait_for_function("seen.board && seen.first && seen.largest")
    await page.wait_for_timeout(SETTLE)
    seen = await page.evaluate("seen")
    await page.close()
    return Visit(
        traffic.requests,
        traffic.kilobytes(streams=False),
        traffic.kilobytes(streams=True),
        seen["first"],
        seen["largest"],
        seen["board"],
        blocked(seen["tasks"], seen["first"]),
        layout_shift(seen["shifts"]),
    )
