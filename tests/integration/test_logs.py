"""Logging as a process of ours does it, seen from outside."""

import json
import subprocess
import sys
from typing import Any

import pytest

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


@pytest.mark.parametrize("logged", ["json", "console"], indirect=True)
def test_traceback_shows_no_values_of_variables(logged: list[str]) -> None:
    assert "hunter2" not in "\n".join(logged)
