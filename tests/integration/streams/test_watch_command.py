"""`stopcast watch` against a gateway that is cut, drained and gone: in a terminal, and for scripts."""

import asyncio
import fcntl
import os
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from gateway.watch.follower import Follower
from schemas import frames
from schemas.local.embedded import free_port
from schemas.stored_board import Publication
from schemas.tasks import end
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.leaks import leaked
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

COMMAND = (str(Path(sys.executable).with_name("stopcast")), "watch")


async def once(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80", **environment},
    )
    try:
        async with asyncio.timeout(2 * PATIENCE):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert leaked(output.decode() + errors.decode()) is None
    return process.returncode or 0, output.decode(), errors.decode()


def url(gateway: Gateway) -> str:
    return f"http://127.0.0.1:{gateway.port}"


async def test_once_prints_the_boards_without_colours_and_ends(
    gateway: Gateway, demo: Publisher
) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b, size=40)
    code, output, errors = await once(b, a, "--once", STOPCAST_URL=url(gateway))
    assert (code, errors) == (0, "")
    assert "\x1b" not in output
    assert output.index(b) < output.index(a)
    told = sum(len(board["arrivals"]) for board in demo.boards.values())
    assert len(output.splitlines()) == told + 2 * 2  # with titles and headings


async def test_a_stop_that_there_is_not_ends_it_with_1(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    code, output, errors = await once("demo:nowhere", "--once", "--url", url(gateway))
    assert (code, output) == (1, "")
    assert "404 Not Found: There is no stop 'demo:nowhere'." in errors
    code, output, _ = await once("demo:nowhere", "demo:a", "--once", "--url", url(gateway))
    assert code == 0
    assert "demo:nowhere: this stop has left the schedule" in output


@pytest.mark.parametrize("where", ["http://127.0.0.1:{}", "ftp://x", "http://[", "x"])
async def test_what_cannot_be_reached_ends_it_with_1_and_the_reason(where: str) -> None:
    address = where.format(free_port())
    code, output, errors = await once("demo:a", "--once", "--url", address)
    assert (code, output) == (1, "")
    assert address in errors
    assert "Traceback" not in errors


async def test_where_nothing_answers_it_says_how_to_name_another_gateway() -> None:
    code, _, errors = await once("demo:a", "--once", "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 1
    assert "nothing answers at http://127.0.0.1" in errors
    assert "--url" in errors


@pytest.mark.parametrize("arguments", [("demo:a",), ("nocolon", "--once"), ("--once",)])
async def test_a_wrong_usage_ends_it_with_2(arguments: tuple[str, ...]) -> None:
    code, output, errors = await once(*arguments)
    assert (code, output) == (2, "")
    assert "Usage:" in errors


class Terminal:
    """A terminal of 100 by 30, and all that was written to it."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.written = ""

    def read(self) -> None:
        self.written += os.read(self.ours, 65536).decode(errors="replace")

    @property
    def words(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.written)

    async def shows(self, *texts: str) -> None:
        """From here on."""
        self.written = ""
        await eventually(lambda: all(text in self.words for text in texts))


@asynccontextmanager
async def on_terminal(
    *arguments: str,
) -> AsyncIterator[tuple[Terminal, asyncio.subprocess.Process]]:
    terminal = Terminal()
    loop = asyncio.get_running_loop()
    loop.add_reader(terminal.ours, terminal.read)
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdout=terminal.theirs,
        stderr=asyncio.subprocess.PIPE,
        env={
            **{name: text for name, text in os.environ.items() if name not in {"COLUMNS", "LINES"}},
            "TERM": "xterm-256color",
        },
    )
    try:
        yield terminal, process
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await process.communicate()
        loop.remove_reader(terminal.ours)
        os.close(terminal.ours)
        os.close(terminal.theirs)
        assert leaked(terminal.written + errors.decode()) is None


async def test_a_terminal_follows_the_board_through_cuts_until_ctrl_c(
    run: Run, demo: Publisher
) -> None:
    async with run(retry=0.2) as gateway:
        a = demo.stop("a")
        await demo.publish(a)
        async with on_terminal(a, "--url", url(gateway)) as (terminal, process):
            await terminal.shows("connected")
            await served(demo, a, terminal, "one")
            for reached in ("two", "three"):
                [subscriber] = gateway.hub.subscribers
                subscriber.transport.abort()
                await terminal.shows("again in", "● offline")
                await terminal.shows("connected")
                await served(demo, a, terminal, reached)
            resumes = gateway.hub.counts.resumes
            assert (resumes["fresh"], resumes["void"]) == (1, 0)
            assert resumes.total() == 3
            process.send_signal(2)
            async with asyncio.timeout(PATIENCE):
                assert await process.wait() == 0
            assert terminal.written.endswith(("\x1b[?25h", "\x1b[?1049l"))  # as it was before
            assert process.stderr is not None
            assert await process.stderr.read() == b""


async def served(demo: Publisher, stop_id: str, terminal: Terminal, name: str) -> None:
    """A change reaches the screen."""
    board = demo.boards[stop_id] = demo.board(stop_id)
    board["stop"]["name"] = name
    frame = frames.snapshot(board)
    publication = Publication(stop_id, None, board["version"], frame, frame)
    assert await demo.live.publish(demo.lease, [publication]) == []
    await terminal.shows(name)


async def test_a_refusal_for_good_leaves_the_screen_and_says_why(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.tell()
    async with on_terminal("demo:nowhere", "--url", url(gateway)) as (_, process):
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 1
        assert process.stderr is not None
        assert b"There is no stop" in await process.stderr.read()


@asynccontextmanager
async def following(address: str, stop_id: str) -> AsyncIterator[Follower]:
    """One that follows until the block ends."""
    async with Follower.of(address, None, [stop_id]) as follower:
        task = asyncio.create_task(follower.run())
        try:
            yield follower
        finally:
            await end([task])


async def test_a_drained_gateway_is_followed_to_the_next(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(retry=0.2) as first, following(url(first), a) as follower:
        await eventually(lambda: follower.boards == demo.boards)
        first.server.stop()
        await eventually(lambda: "goodbye (draining)" in follower.state)
        await first.task
        async with run(port=first.port) as second:
            await demo.publish(a)
            await eventually(lambda: follower.boards == demo.boards)
            assert second.hub.counts.resumes["snapshots"] == 1


async def test_silence_is_a_dead_connection(
    run: Run, demo: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.watch.follower.SILENCE", 0.3)
    a = demo.stop("a")
    await demo.publish(a)
    async with run(retry=0.1) as gateway, following(url(gateway), a) as follower:
        await eventually(lambda: gateway.hub.counts.resumes["current"])
        assert follower.boards == demo.boards


async def test_the_token_is_sent(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    async with Follower.of(url(gateway), "abc", [demo.stop("a")]) as follower:
        assert follower._client.headers["authorization"] == "Bearer abc"


async def test_the_board_clock_moves_on_between_two_heartbeats(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"))
    await demo.tell(now=1_000_000.0)  # a replay lives in its past
    await gateway.hub.feeds.poll()
    async with following(url(gateway), demo.stop("a")) as follower:
        await eventually(lambda: follower.complete)
        told = follower.feed(demo.stop("a"))
        assert 999_000 < told.now < 1_001_000
        await eventually(lambda: follower.feed(demo.stop("a")).now > told.now)
        assert follower.feed("other:x").status == "unknown"
