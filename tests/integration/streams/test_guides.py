"""The programs of docs/guides/ that can run here, against gateways that are cut, drained and gone."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import frames
from schemas.stored_board import Publication
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
Program = Callable[[str], str]

GUIDES = Path(__file__).parents[3] / "docs/guides"
STOP = "demo:a"
# In place of expo/fetch and of React Native; what comes on standard input is the app's state.
PHONE = """
const fetch = globalThis.fetch
const listeners = new Set()
const AppState = {addEventListener: (_, listener) => {
  listeners.add(listener)
  return {remove: () => listeners.delete(listener)}
}}
process.stdin.on("data", state => listeners.forEach(tell => tell(String(state).trim())))
"""
APP = """
const boards = {}
const url = `${process.argv[1]}/v1/stream?stop=${process.argv[2]}`
whileSeen(followBoards(url, boards, () => console.log(JSON.stringify(boards))))
"""


def blocks(path: Path) -> list[tuple[str, str]]:
    """Language and code of each block of a guide."""
    return re.findall(r"```(\w+)\n(.*?)```", path.read_text(), re.DOTALL)


def code(guide: str, **instead: str) -> str:
    """The program of a guide, with these words of it replaced."""
    text = "".join(block for _, block in blocks(GUIDES / guide))
    for word, other in instead.items():
        assert word in text
        text = text.replace(word, other)
    return text


def python(_: Program, url: str) -> list[str]:
    show = "show(boards, feeds)\n"
    words = {
        "https://boards.example.org": url,
        '"demo:EMBR", "demo:MONT"': f'"{STOP}"',
        f" {show}": f" {show[:-1]}; print(json.dumps(boards), flush=True)\n",
    }
    return [sys.executable, "-W", "error", "-c", code("python.md", **words)]


def curl(program: Program, url: str) -> list[str]:
    program("curl")
    program("jq")
    return [program("sh"), "-c", code("curl.md"), "-", f"{url}/v1/stream?stop={STOP}"]


def react_native(program: Program, url: str) -> list[str]:
    text = re.sub(r"^import .*\n", "", code("react-native.md"), flags=re.MULTILINE)
    return [program("node"), "--input-type=module", "-e", PHONE + text + APP, url, STOP]


Command = Callable[[Program, str], list[str]]


class Client:
    """What a program has printed: boards, as one line of JSON each time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: Any = None
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):  # the others are for people
                self.told = orjson.loads(line)

    async def holds(self, demo: Publisher) -> None:
        await eventually(lambda: self.told == demo.boards)


@asynccontextmanager
async def client(command: list[str]) -> AsyncIterator[Client]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
        start_new_session=True,  # a script has children
    )
    running = Client(process)
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await running.reading
            await process.wait()


def cut(gateway: Gateway) -> None:
    for subscriber in list(gateway.hub.subscribers):
        subscriber.transport.abort()


async def publish_odd_text(demo: Publisher) -> None:
    """Characters at which many line readers split."""
    board = demo.boards[STOP] = demo.board(STOP)
    board["stop"]["name"] = "one\u2028two\x85three\x0cfour 東京"
    frame = frames.snapshot(board)
    publication = Publication(STOP, None, board["version"], frame, frame)
    assert await demo.live.publish(demo.lease, [publication]) == []


@pytest.mark.parametrize("command", [python, curl, react_native])
async def test_a_guides_program_holds_the_board_through_cuts_and_drains(
    run: Run, demo: Publisher, program: Program, command: Command
) -> None:
    await publish_odd_text(demo)
    async with run(retry=0.1) as first:
        url = f"http://127.0.0.1:{first.port}"
        async with client(command(program, url)) as follower:
            await follower.holds(demo)
            for size in (2, 5):
                await demo.publish(STOP, size=size)
                await follower.holds(demo)
            resumes = first.hub.counts.resumes
            for publishes in (True, True, False):  # the last connection brings no id of its own
                told = resumes.total()
                cut(first)
                await eventually(lambda: resumes.total() > told)  # noqa: B023  # at once
                if publishes:
                    await demo.publish(STOP)
                    await follower.holds(demo)
            assert (resumes["fresh"], resumes["void"]) == (1, 0)
            assert resumes["current"] == 3  # its board was not sent again
            first.server.stop()
            await first.task
            await demo.publish(STOP)
            async with run(port=first.port, retry=0.1) as second:
                await follower.holds(demo)
                assert second.hub.counts.resumes == {"snapshots": 1}
                await demo.publish(STOP)
                await follower.holds(demo)
                await demo.retire(STOP)
                await follower.holds(demo)


@pytest.mark.parametrize("command", [python, curl])
async def test_a_guides_program_ends_where_there_is_no_such_stop(
    gateway: Gateway, demo: Publisher, program: Program, command: Command
) -> None:
    await demo.tell()
    async with client(command(program, f"http://127.0.0.1:{gateway.port}")) as follower:
        async with asyncio.timeout(PATIENCE):
            assert await follower.process.wait() != 0
        assert follower.told is None


async def test_a_phone_lets_go_in_the_background_and_resumes_on_return(
    run: Run, demo: Publisher, program: Program
) -> None:
    async with run(retry=0.1) as gateway:
        await demo.publish(STOP)
        async with client(react_native(program, f"http://127.0.0.1:{gateway.port}")) as app:
            await app.holds(demo)
            assert app.process.stdin is not None
            app.process.stdin.write(b"background\n")
            await eventually(lambda: not gateway.hub.subscribers)
            await demo.publish(STOP)
            await eventually(lambda: gateway.hub.topics[STOP].version == demo.version)
            app.process.stdin.write(b"active\n")
            await app.holds(demo)
            assert gateway.hub.counts.resumes == {"fresh": 1, "snapshots": 1}


def lines_of_code(text: str) -> list[str]:
    """Without empty lines, and those that are only a comment."""
    return [line for line in text.splitlines() if re.match(r"\s*(?!//|# |#!|/\*\*)\S", line)]


PAGES = sorted(set(GUIDES.glob("*.md")) - {GUIDES / "README.md"})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_guide_is_in_the_index_and_knows_what_each_client_does(path: Path) -> None:
    assert f"({path.name})" in (GUIDES / "README.md").read_text()
    text = path.read_text()
    for word in ("Last-Event-ID", "snapshot", "patch", "40", "README.md#when-data-is-old"):
        assert word in text


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_client_is_short_enough_to_be_read_and_owned(path: Path) -> None:
    """Each block: a client, or what an event makes of the boards, or what the app's life does to it."""
    lengths = [len(lines_of_code(text)) for _, text in blocks(path)]
    assert max(lengths) <= 40
    assert sum(lengths) >= 20
    assert max(len(line) for _, text in blocks(path) for line in text.splitlines()) <= 100
