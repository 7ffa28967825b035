"""`stopcast up` as a person uses it: a terminal, a browser, Ctrl-C, and worse."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from schemas.local.embedded import free_port
from tests.e2e.processes import PATIENCE, START, wait_until

STOPCAST = Path(sys.executable).with_name("stopcast")


class Up:
    """One run, in a process group of its own as a terminal gives it."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder.with_name(f"up-{self.port}.log")
        unset = {"REDIS_URL", "DATABASE_URL", "STOPCAST_CONFIG", "PORT"}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [STOPCAST, "up", "--data-dir", folder, "--port", str(self.port), *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={n: v for n, v in os.environ.items() if n not in unset} | settings,
                cwd=folder.parent,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.output or self.process.poll() is not None, START)
        assert text in self.output, self.output

    def family(self) -> list[psutil.Process]:
        """Every process it has started; PostgreSQL is none of its children."""
        postmaster = int((self.folder / "postgres/postmaster.pid").read_text().split()[0])
        return [
            *psutil.Process(self.process.pid).children(recursive=True),
            psutil.Process(postmaster),
        ]

    def ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)


def alive(processes: list[psutil.Process]) -> list[str]:
    return [
        str(process)
        for process in processes
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    runs: list[Up] = []

    def start_one(*arguments: str, **settings: str) -> Up:
        runs.append(Up(tmp_path / "data", *arguments, **settings))
        return runs[-1]

    yield start_one
    with ExitStack() as ending:  # all of them, whoever does not end
        for run in runs:
            if run.process.poll() is None:
                ending.callback(run.ctrl_c)


def test_demo_city_is_served_and_ctrl_c_ends_everything(start: Callable[..., Up]) -> None:
    up = start()
    up.wait_for("curl -N")
    found = re.search(r"curl -N '(\S+)'", up.output)
    assert found, up.output
    events = []
    with httpx.stream("GET", found[1], timeout=PATIENCE) as stream:
        for line in stream.iter_lines():
            events += [line.removeprefix("event: ")] if line.startswith("event: ") else []
            if "patch" in events:
                break
    assert "snapshot" in events[: events.index("patch")]
    assert httpx.get(f"http://127.0.0.1:{up.port}/", timeout=PATIENCE).is_success
    family = up.family()
    assert up.ctrl_c() == 0
    wait_until(lambda: not alive(family))  # PostgreSQL removes its file a moment before it ends
    assert "Traceback" not in up.output
    assert "[info     ] boards_complete" in up.output  # for people, though through a pipe

    again = start()
    again.wait_for("curl -N")
    assert "unchanged: demo" in again.output
    assert again.ctrl_c() == 0


def test_ctrl_c_while_processes_start_ends_them_all(tmp_path: Path) -> None:
    """Before their supervisor knows whom to end."""
    program = (
        "import os, signal\nfrom schemas.local.children import run_together\n"
        "commands = {str(number): 'sleep 600' for number in range(4)}\n"
        "run_together(commands, os.environ, lambda: os.kill(os.getpid(), signal.SIGINT))\n"
    )
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False,
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("started") == done.stdout.count("stopped") == 4


def test_lines_of_a_closed_city_make_their_token_and_are_answered(
    start: Callable[..., Up],
) -> None:
    settings = {"STOPCAST_ACCESS": "token", "STOPCAST_TOKEN_SECRET": secrets.token_hex(32)}
    up = start(**settings)
    up.wait_for("#access_token")
    text = up.output[up.output.index("TOKEN=$(") :]
    make, stream, watch, page = (line.strip() for line in text.splitlines()[:4])
    told = in_a_shell(f"{make}\n{stream} | grep -m 1 '^event: snapshot'", settings)
    assert told == "event: snapshot\n"
    assert in_a_shell(f"{make}\n{watch} | head -c 1", settings)
    address, token = in_a_shell(f"{make}\n{page}", settings).strip().split("#access_token=")
    assert address.startswith(f"http://127.0.0.1:{up.port}/?stop=demo:")
    asked = f"http://127.0.0.1:{up.port}/v1/stops/{address.partition('=')[2]}/board"
    assert httpx.get(asked, timeout=PATIENCE).status_code == 401
    bearer = {"Authorization": f"Bearer {token}"}
    assert httpx.get(asked, headers=bearer, timeout=PATIENCE).is_success
    assert token not in up.output
    assert up.ctrl_c() == 0


def in_a_shell(script: str, settings: Mapping[str, str]) -> str:
    path = f"{STOPCAST.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603  # our own lines
        ["/bin/bash", "-c", script],
        env={**os.environ, **settings, "PATH": path},
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        text=True,
        check=True,
    )
    return done.stdout


def test_start_after_a_kill_finds_nothing_of_it_and_the_data_again(
    start: Callable[..., Up],
) -> None:
    killed = start()
    killed.wait_for("boards_complete")
    family = killed.family()
    killed.process.kill()
    killed.process.wait()
    up = start()
    up.wait_for("curl -N")
    assert "unchanged: demo" in up.output
    wait_until(lambda: all("postgres" in name for name in alive(family)))  # it is used again
    assert up.ctrl_c() == 0
    wait_until(lambda: not alive(family))  # PostgreSQL removes its file a moment before it ends


def test_another_city_does_not_have_the_stops_of_the_one_before(
    start: Callable[..., Up], tmp_path: Path
) -> None:
    demo = start()
    demo.wait_for("curl -N")
    asked = "/v1/stops?q=embarcadero&limit=1"
    assert first_stop(demo, asked) == "demo:EMBR"
    assert demo.ctrl_c() == 0
    config = tmp_path / "other.toml"
    config.write_text(f'[feeds.other]\nschedule = "{demo.folder}/demo.zip"\n')
    other = start("--config", str(config))
    other.wait_for("listening")
    other.wait_for("boards_complete")
    assert first_stop(other, asked) == "other:EMBR"
    gone = f"http://127.0.0.1:{other.port}/v1/stops/demo:EMBR"
    assert httpx.get(gone, timeout=PATIENCE).status_code == 404
    assert other.ctrl_c() == 0


def first_stop(up: Up, asked: str) -> object:
    return httpx.get(f"http://127.0.0.1:{up.port}{asked}", timeout=PATIENCE).json()["stops"][0][
        "stop_id"
    ]


def test_second_up_in_the_same_folder_is_refused(start: Callable[..., Up]) -> None:
    first = start()
    first.wait_for("started")
    second = start()
    assert second.process.wait(START) == 1
    assert f"(pid {first.process.pid})" in second.output


def test_taken_port_is_named(start: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = start("--port", str(port))
        assert up.process.wait(START) == 1
    assert f"127.0.0.1:{port}" in up.output
    assert "--port" in up.output
    assert not up.folder.exists()


def test_process_that_ends_by_itself_ends_all_and_is_named(
    start: Callable[..., Up], tmp_path: Path
) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text('[feeds.metro]\nendpoints = [{ url = "x.pb", interval = "often" }]\n')
    up = start("--config", str(config))
    assert up.process.wait(START) == 1
    assert "ingester (exit code 1)" in up.output.splitlines()[-1]
    assert "line 2" in up.output  # as the ingester said it
    assert not (up.folder / "postgres/postmaster.pid").exists()
