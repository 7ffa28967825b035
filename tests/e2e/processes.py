"""`stopcast …` as a user starts it: processes of their own, ended and looked after."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from schemas.local.embedded import free_port

PATIENCE = 60.0
START = 300.0  # of a whole city


@contextmanager
def stopcast(*arguments: str, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends; its output goes to `log`."""
    command = [sys.executable, "-m", "stopcast", *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own
            command, env={**os.environ, **env}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(*arguments: str, env: dict[str, str]) -> str:
    """Run a command to its end; what it printed. It must succeed."""
    done = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-m", "stopcast", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def gateway(env: dict[str, str], log: Path, **settings: str) -> Iterator[int]:
    """A gateway on a free port, which is given once it is ready.

    It ends at once, does not mind how often one machine asks, and is as patient as the tests.
    """
    port = free_port()
    chosen = {
        "STOPCAST_DRAIN_GRACE": "0",
        "STOPCAST_DRAIN_WINDOW": "0",
        "STOPCAST_REQUESTS_PER_ADDRESS": "0",
        "STOPCAST_STREAMS_PER_ADDRESS": "0",
        "STOPCAST_START_TIMEOUT": str(PATIENCE),
        **settings,
    }
    with stopcast("gateway", "--port", str(port), env={**env, **chosen}, log=log):
        wait_until(lambda: _ready(port))
        yield port


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.HTTPError:
        return False


def wait_until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Ask until it holds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
