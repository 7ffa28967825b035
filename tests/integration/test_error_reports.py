"""Errors at Sentry, as a process of ours sends them: a real envelope, to a stand-in."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from schemas.error_reports import PER_MINUTE
from tests.client import PATIENCE
from tests.collector import Collector, collecting

BEGIN = """
import logging, sys, structlog
from schemas import logs
from schemas.settings import Settings

log = structlog.get_logger()
logs.configure(Settings())
if "sentry_sdk" in sys.modules:  # at the end it has two seconds for what is left, also on a busy machine
    sys.modules["sentry_sdk"].get_client().options["shutdown_timeout"] = 60
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """To its end; a process sends what is left before."""
    return subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", program], env=environment, check=False, capture_output=True,
        text=True, timeout=PATIENCE,
    )  # fmt: skip


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment without what this machine may have set."""
    monkeypatch.delenv("SENTRY_DSN", raising=False)
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}


def test_an_error_is_reported_with_its_traceback_feed_and_request(
    collector: Collector, reported: dict[str, str]
) -> None:
    done = run(
        BEGIN + "def fails(secret):\n    1 / 0\n\n"
        "try:\n    fails('hunter2')\n"
        "except ZeroDivisionError:\n"
        "    log.exception('request_failed', request_id='r-1', feed='demo', path='/v1/x')\n",
        SENTRY_DSN=collector.dsn,
        SENTRY_ENVIRONMENT="staging",
        **reported,
    )
    assert done.returncode == 0, done.stderr
    assert "request_failed" in done.stderr, "the log has it as ever"
    assert "sentry" not in done.stderr.lower()
    [event] = collector.reports()
    assert event["level"] == "error"
    assert event["environment"] == "staging"
    assert event["tags"] == {"event": "request_failed", "request_id": "r-1", "feed": "demo"}
    [raised] = event["exception"]["values"]
    assert raised["type"] == "ZeroDivisionError"
    assert [frame["function"] for frame in raised["stacktrace"]["frames"]] == ["<module>", "fails"]


def test_neither_values_of_variables_nor_requests_nor_breadcrumbs_are_sent(
    collector: Collector, reported: dict[str, str]
) -> None:
    run(
        BEGIN + "def fails():\n    url = 'postgresql://u:hunter%d@h' % (1 + 1)\n    1 / 0\n\n"
        "log.info('request', path='/v1/secret')\n"
        "try:\n    fails()\nexcept ZeroDivisionError:\n"
        "    log.exception('failed', headers='Bearer x.y.z', query='access_token=t')\n",
        SENTRY_DSN=collector.dsn,
        **reported,
    )
    [event] = collector.reports()
    assert not event.get("breadcrumbs", {}).get("values")
    assert not event.keys() & {"request", "user"}
    sent = b"".join(body for _, body in collector.posts)
    assert b"ZeroDivisionError" in sent
    for secret in (b"hunter2", b"/v1/secret", b"Bearer", b"access_token"):
        assert secret not in sent


def test_a_secret_in_the_text_of_an_error_is_hidden(
    collector: Collector, reported: dict[str, str]
) -> None:
    run(
        BEGIN + "url = 'postgresql://u:%s@h/d?access_token=%s' % ('hunter' + '2', 'ey' + 'J.x')\n"
        "try:\n    raise ValueError(f'\"{url}\" is away')\nexcept ValueError as error:\n"
        "    log.exception('failed', error=error)\n",
        SENTRY_DSN=collector.dsn,
        **reported,
    )
    [event] = collector.reports()
    [raised] = event["exception"]["values"]
    assert raised["value"] == '"postgresql://u:[hidden]@h/d?access_token=[hidden]" is away'
    assert event["extra"]["error"] == raised["value"]


def test_what_libraries_log_as_an_error_is_reported_once_and_a_warning_is_not(
    collector: Collector, reported: dict[str, str]
) -> None:
    run(
        BEGIN + "log.warning('endpoint_failed')\n"
        "log.error('worker_failed', error='no disk')\n"
        "logging.getLogger('asyncio').error('slow %s', 'callback')\n",
        SENTRY_DSN=collector.dsn,
        **reported,
    )
    events = collector.reports()
    assert [event["message"] for event in events] == ["worker_failed", "slow callback"]
    assert events[0]["extra"]["error"] == "no disk"


def test_a_storm_of_errors_is_reported_in_part(
    collector: Collector, reported: dict[str, str]
) -> None:
    """All of them are in the log."""
    done = run(
        BEGIN + "for n in range(200):\n    log.error('stream_failed')\n",
        SENTRY_DSN=collector.dsn,
        **reported,
    )
    assert done.stderr.count("stream_failed") == 200
    assert PER_MINUTE <= len(collector.reports()) <= 2 * PER_MINUTE  # a minute may end in between


def test_nothing_is_sent_or_imported_without_the_variable(
    collector: Collector, reported: dict[str, str]
) -> None:
    done = run(BEGIN + "log.error('failed')\nassert 'sentry_sdk' not in sys.modules\n", **reported)
    assert done.returncode == 0, done.stderr
    assert collector.posts == []


def test_a_missing_package_ends_the_start_with_what_to_do(reported: dict[str, str]) -> None:
    done = run(
        "import sys\nsys.modules['sentry_sdk'] = None\nimport stopcast\n"
        "stopcast.main(['gateway', '--port', '0'])\n",
        SENTRY_DSN="http://key@127.0.0.1:1/1",
        **reported,
    )
    assert done.returncode == 1
    assert "pip install '.[sentry]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_malformed_dsn_ends_the_start(reported: dict[str, str]) -> None:
    done = run(
        "import stopcast\nstopcast.main(['gateway', '--port', '0'])\n",
        SENTRY_DSN="nonsense",
        **reported,
    )
    assert done.returncode == 1
    assert "error: SENTRY_DSN: " in done.stderr
