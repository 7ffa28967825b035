"""The load client (load.c) as a process beside the server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import PIPE
from typing import Any

from bench.fanout import tools
from bench.fanout.peers import Server

Report = dict[str, Any]


class Load:
    """Streams that are opened, measured and checked; see `load --help`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.report: Report = {}

    async def until(self, word: str) -> None:
        async for line in self.lines():
            if line == word:
                return
        raise RuntimeError(f"the load client ended before it said {word!r}")

    async def lines(self) -> AsyncIterator[str]:
        """What it says; its last word is the report."""
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode().strip():
            if line.startswith("{"):
                self.report = json.loads(line)
            else:
                yield line

    def end_window(self) -> None:
        """Of a window without a length."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def finish(self) -> Report:
        async for _ in self.lines():
            pass
        if not self.report:
            raise RuntimeError(f"the load client failed: {await self._process.wait()}")
        return self.report


@asynccontextmanager
async def load(server: Server, **options: float | str) -> AsyncIterator[Load]:
    given = {"port": server.port, "path": server.path, **server.load_options, **options}
    arguments = [f"--{name}={value}" for name, value in given.items()]
    process = await asyncio.create_subprocess_exec(
        tools.compiled("load"), *arguments, stdin=PIPE, stdout=PIPE
    )
    try:
        yield Load(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
