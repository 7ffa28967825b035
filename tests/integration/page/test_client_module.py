"""stopcast.js: its own tests, and against the real gateway over a bad network, in Node and Chromium."""

import asyncio
import gzip
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, Route, expect

from gateway.auth.grant import TokenScope
from gateway.auth.minting import mint
from gateway.page import STATIC
from schemas import merge_patch
from tests.client import PATIENCE
from tests.cuts import BadNetwork
from tests.gateways import Gateway, running
from tests.publisher import Publisher

HERE = Path(__file__).parent
MODULE = STATIC / "stopcast" / "stopcast.js"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
Boards = Callable[[], Awaitable[dict[str, Any]]]


@pytest.mark.parametrize("name", ["stopcast.test.mjs", "words.test.mjs"])
def test_the_modules_own_tests_pass(name: str, program: Callable[[str], str]) -> None:
    run = subprocess.run(  # noqa: S603  # ours
        [program("node"), "--test", str(HERE / name)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def test_the_module_is_small() -> None:
    assert len(gzip.compress(MODULE.read_bytes(), 9)) < 4000


def test_its_merge_patch_agrees_with_ours(program: Callable[[str], str]) -> None:
    script = f"""import {{ mergePatch }} from {json.dumps(MODULE.as_uri())}
    import {{ readFileSync }} from "node:fs"
    const cases = JSON.parse(readFileSync(0, "utf8"))
    console.log(JSON.stringify(cases.map(([target, patch]) => mergePatch(target, patch))))"""

    @given(cases=st.lists(st.tuples(JSON, JSON), min_size=40, max_size=60))
    @settings(max_examples=5)
    def agrees(cases: list[tuple[Any, Any]]) -> None:
        run = subprocess.run(  # noqa: S603  # the script is ours
            [program("node"), "--input-type=module", "-e", script],
            input=json.dumps(cases),
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(run.stdout) == [merge_patch.apply(*case) for case in cases]

    agrees()


@asynccontextmanager
async def in_node(program: Callable[[str], str], url: str, *stops: str) -> AsyncIterator[Boards]:
    process = await asyncio.create_subprocess_exec(
        program("node"),
        str(HERE / "follower.mjs"),
        url,
        *stops,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    boards: dict[str, Any] = {}

    async def read() -> None:
        assert process.stdout is not None
        while (line := await process.stdout.readline()).endswith(b"\n"):  # else it was killed
            boards.clear()
            boards.update(json.loads(line))

    async def told() -> dict[str, Any]:
        return boards

    reading = asyncio.create_task(read())
    try:
        yield told
    finally:
        process.kill()
        await reading
        await process.wait()


@asynccontextmanager
async def in_chromium(browser: Browser, url: str, *stops: str) -> AsyncIterator[Boards]:
    page = await browser.new_page()
    await page.goto(url)
    await page.evaluate(
        """async stops => {
          const { BoardStream } = await import("/static/stopcast/stopcast.js")
          window.stream = new BoardStream(stops)
        }""",
        stops,
    )

    async def told() -> dict[str, Any]:
        boards: dict[str, Any] = await page.evaluate("Object.fromEntries(stream.boards)")
        return boards

    yield told
    await page.close()


async def holds(boards: Boards, expected: dict[str, Any]) -> None:
    async with asyncio.timeout(2 * PATIENCE):
        while await boards() != expected:  # noqa: ASYNC110  # another process's
            await asyncio.sleep(0.02)


async def comes_through(boards: Boards, demo: Publisher, network: BadNetwork) -> None:
    """Boards change while connections are cut anywhere; then it is quiet, and they are right."""
    stops = [*demo.boards]
    await holds(boards, demo.boards)
    network.bytes_each = 6000  # a few events, or a part of one
    number = 0
    async with asyncio.timeout(2 * PATIENCE):
        while number < 60 or network.connections <= 10:
            await demo.publish(demo.random.choice(stops), size=demo.random.randrange(1, 12))
            if number % 7 == 0:
                network.cut()
            await asyncio.sleep(demo.random.random() * 0.05)
            number += 1
    network.bytes_each = None
    network.cut()
    await holds(boards, demo.boards)
    network.down()
    await demo.publish(*stops)
    network.up = True
    await holds(boards, demo.boards)


@pytest.mark.parametrize("count", [1, 6])
async def test_in_node_it_holds_the_boards_whatever_the_network_does(
    count: int,
    program: Callable[[str], str],
    gateway: Gateway,
    demo: Publisher,
    network: BadNetwork,
) -> None:
    del gateway  # behind the network
    stops = [demo.stop(name) for name in "abcdef"[:count]]
    await demo.publish(*stops, size=20)
    async with in_node(program, f"http://127.0.0.1:{network.port}", *stops) as boards:
        await comes_through(boards, demo, network)


async def test_in_chromium_it_holds_the_boards_whatever_the_network_does(
    browser: Browser, demo: Publisher, network: BadNetwork
) -> None:
    stops = [demo.stop(name) for name in "abc"]
    await demo.publish(*stops, size=20)
    async with in_chromium(browser, f"http://127.0.0.1:{network.port}", *stops) as boards:
        await comes_through(boards, demo, network)


async def test_it_moves_to_the_gateway_that_takes_over(
    program: Callable[[str], str], gateway: Gateway, demo: Publisher, network: BadNetwork
) -> None:
    """`draining` is a goodbye like any other: it comes back, to whoever is there then."""
    stop = demo.stop("a")
    await demo.publish(stop)
    async with in_node(program, f"http://127.0.0.1:{network.port}", stop) as boards:
        await holds(boards, demo.boards)
        await gateway.stop()
        await demo.publish(stop)
        url = gateway.app.state.settings.redis_url
        async with running(url, retry=0.05, start_timeout=PATIENCE) as other:
            network.target = other.port
            await holds(boards, demo.boards)


async def test_in_chromium_a_crowd_that_was_refused_comes_back_by_chance(
    browser: Browser, gateway: Gateway
) -> None:
    """By a clock that the test moves, and chance that is the same each time."""
    context = await browser.new_context(base_url=f"http://127.0.0.1:{gateway.port}")
    await context.add_init_script(
        "let last = 7; Math.random = () => (last = (last * 16807) % 2147483647) / 2147483647"
    )
    asked = 0

    async def refuse(route: Route) -> None:
        nonlocal asked
        asked += 1
        await route.fulfill(status=429, headers={"Retry-After": "10"}, json={})

    await context.route("**/v1/stream?**", refuse)
    page = await context.new_page()
    await page.clock.install(time=0)
    await page.goto("/static/icon.svg")
    await page.clock.pause_at(1000)
    crowd = 40
    await page.evaluate(
        """async crowd => {
          const { BoardStream } = await import("/static/stopcast/stopcast.js")
          window.crowd = Array.from({ length: crowd }, () => new BoardStream(["demo:a"]))
        }""",
        crowd,
    )
    refused = "expected => crowd.filter(({ state }) => state === 'waiting').length === crowd.length"
    await page.wait_for_function(refused)
    back = []
    for milliseconds in (9_999, 1_250, 1_250, 1_250, 1_251):
        before = asked
        await page.clock.run_for(milliseconds)
        await page.wait_for_function(refused)
        back.append(asked - before)
    assert (back[0], sum(back)) == (0, crowd)
    assert 0 < min(back[1:]) < max(back) < crowd / 2
    await context.close()


async def test_a_stream_outlives_its_tokens(
    browser: Browser, valkey_url: str, demo: Publisher
) -> None:
    """Each ends within a few seconds; a new one is asked for, and nothing is missed."""
    stop = demo.stop("a")
    await demo.publish(stop, size=20)
    secret = "a-secret-of-more-than-thirty-two-bytes"  # noqa: S105  # of this test
    async with running(
        valkey_url,
        access="token",
        token_secret=secret,
        token_leeway=0,
        retry=0.5,
        start_timeout=PATIENCE,
    ) as gateway:
        asked: list[bool] = []

        def give(renew: bool) -> str:  # noqa: FBT001  # as the module calls it
            asked.append(renew)
            return mint(gateway.app.state.settings, "rider", [TokenScope.BOARDS], 3)

        page = await browser.new_page()
        await page.expose_function("give", give)
        await page.goto(f"http://127.0.0.1:{gateway.port}/status")
        await page.evaluate(
            """async stop => {
              const { BoardStream } = await import("/static/stopcast/stopcast.js")
              window.stream = new BoardStream([stop], { token: give })
            }""",
            stop,
        )
        async with asyncio.timeout(PATIENCE):
            while len(asked) < 3:
                await demo.publish(stop)
                await asyncio.sleep(0.1)
        await demo.publish(stop)
        await holds(lambda: page.evaluate("Object.fromEntries(stream.boards)"), demo.boards)
        assert asked[:3] == [False, True, True]
        # Where a token ended on its way, the next one is as good.
        await page.wait_for_function("stream.state === 'live' && stream.problem === undefined")
        await page.close()


async def test_a_page_takes_its_token_out_of_its_address(
    browser: Browser, valkey_url: str, demo: Publisher
) -> None:
    stop = demo.stop("a")
    await demo.publish(stop)
    secret = "a-secret-of-more-than-thirty-two-bytes"  # noqa: S105  # of this test
    async with running(
        valkey_url, access="token", token_secret=secret, start_timeout=PATIENCE
    ) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/?stop={stop}"
        page = await browser.new_page()
        await page.goto(url)
        await expect(page.locator(".empty")).to_contain_text("token")
        token = mint(gateway.app.state.settings, "wall", [TokenScope.BOARDS], 3600)
        await page.goto("about:blank")
        await page.goto(f"{url}#access_token={token}")
        await expect(page.locator(".call").first).to_be_visible()
        await page.close()
