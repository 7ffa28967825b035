"""A process of ours that can be killed, frozen, drained, and started with another clock."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Process:
    """`stopcast ARGUMENTS…`, again and again; all its lives log to one file.

    `busy` is held by the fault that has it, so that faults of one process follow each other.
    """

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self.busy = asyncio.Lock()
        self.skew = 0.0  # seconds that its clock is ahead
        self.log = log
        self._arguments = arguments
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """0: it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self, skew: float = 0) -> None:
        self.skew = skew
        entry = ["bench.drill.skewed", str(skew)] if skew else ["stopcast"]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own
                [sys.executable, "-m", *entry, *self._arguments],
                cwd=ROOT,
                env={**os.environ, **self._env},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it at once, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def drain(self, patience: float) -> None:
        """Ask it to end, and wait.

        Raises:
            TimeoutError: it did not.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(patience):
            while self._process.poll() is None:  # noqa: ASYNC110  # a process sets no event
                await asyncio.sleep(0.05)

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
