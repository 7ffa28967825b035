"""Logging as a process of ours does it, seen from outside."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from schemas.redaction import HIDDEN

PROGRAM = """
import logging, structlog
from schemas import logs
from schemas.settings import Settings

log = structlog.get_logger()
logs.configure(Settings())
log.debug("too_quiet")
log.info("feed_owned", feed="demo")
logging.getLogger("asyncio").warning("slow %s", "callback")
logging.getLogger("httpx").info("HTTP Request: GET")
secret = "postgresql://user:hunter2@host/db"
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    monkeypatch.setenv("STOPCAST_LOG_FORMAT", request.param)
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # our own code
    assert not done.stdout
    return done.stderr.splitlines()


@pytest.mark.parametrize("logged", ["json"], indirect=True)
def test_json_is_one_object_a_line_from_whoever_logs(logged: list[str]) -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in logged]
    assert [line["event"] for line in lines] == ["feed_owned", "slow callback", "failed"]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert lines[0]["feed"] == "demo"
    assert all("timestamp" in line for line in lines)
    assert "ZeroDivisionError" in lines[2]["exception"]


@pytest.mark.parametrize("logged", ["console"], indirect=True)
def test_console_through_a_pipe_has_neither_colours_nor_times(logged: list[str]) -> None:
    assert logged[0].split() == ["[info", "]", "feed_owned", "feed=demo"]


def test_what_collects_a_pipe_gets_json_unless_told_otherwise() -> None:
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, env=unset()
    )
    assert json.loads(done.stderr.splitlines()[0])["event"] == "feed_owned"


def test_people_at_a_terminal_get_lines_to_read() -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        subprocess.run(  # noqa: S603  # our own code
            [sys.executable, "-c", PROGRAM], check=True, stderr=theirs, env=unset()
        )
        os.close(theirs)
        first = terminal.read(1000).decode().splitlines()[0]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[info +\] feed_owned +feed=demo", plain)


def unset() -> dict[str, str]:
    """The environment without what somebody may have chosen."""
    return {name: text for name, text in os.environ.items() if name != "STOPCAST_LOG_FORMAT"}


@pytest.mark.parametrize("logged", ["json", "console"], indirect=True)
def test_traceback_shows_no_values_of_variables(logged: list[str]) -> None:
    assert "hunter2" not in "\n".join(logged)


LEAKS = """
import asyncio, logging, structlog
from schemas import logs
from schemas.settings import Settings

log = structlog.get_logger()
logs.configure(Settings())
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2VjcmV0LXNpZ25hdHVyZQ"

async def main():
    log.info("request", url="/v1/stream?stop=a&access_token=hunter2&x=1", headers={"a": [TOKEN]})
    headers = [(b"host", b"x"), (b"authorization", b"Bearer hunter2-hunter2")]
    log.warning("odd", headers=headers, again={"Authorization": "Bearer hunter2"}, q="Bearer hunter2x")
    logging.getLogger("uvicorn.error").error("GET /?access_token=%s", "hunter2")
    logging.getLogger("asyncio").error("POST refresh_token=hunter2")
    log.info("odd", repr="SignIn(nonce='hunter2')", headers="Authorization: Token hunter2")
    log.info("odd", headers={"Authorization": 'Digest username="me", response="hunter2"', "a": "x"})
    asyncio.get_running_loop().create_future().set_exception(ValueError("Authorization: hunter2"))
    try:
        raise ValueError("redis://user:hunter2@host/0 " + TOKEN)
    except ValueError:
        log.exception("failed")
        logging.getLogger("x").exception("failed")

asyncio.run(main())
raise RuntimeError("postgresql://u:hunter2@host")
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_tells_a_token_or_a_password(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("STOPCAST_LOG_FORMAT", form)
    done = subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", LEAKS], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "process_failed" in done.stderr
    assert "never retrieved" in done.stderr
    assert "hunter2" not in done.stderr
    assert "c2VjcmV0" not in done.stderr
    assert done.stderr.count(HIDDEN) >= 10
    assert "stop=a&access_token=[hidden]&x=1" in done.stderr
    if form == "json":
        assert all(json.loads(line) for line in done.stderr.splitlines())


def test_a_gateway_says_nothing_else() -> None:
    settings = {"REDIS_URL": "redis://127.0.0.1:1/0", "STOPCAST_DRAIN_GRACE": "0"}
    command = [sys.executable, "-m", "stopcast", "gateway", "--port", "0"]
    with subprocess.Popen(  # noqa: S603  # our own code
        command, env=unset() | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Redis is away, which may be said before.
        lines = (json.loads(line) for line in process.stderr)
        listening = next(line for line in lines if line["event"] == "listening")
        process.terminate()
        rest = list(lines)
        assert not process.stdout.read()
    assert listening["url"].startswith("http://127.0.0.1:")
    assert all("event" in line for line in rest)
