"""tests/audit.py between pip-audit and a stand-in for OSV on this machine."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.audit import LOCK, audit

HASH = "--hash=sha256:" + "0" * 64
NOBODY = "http://127.0.0.1:9/v1/query"
ADVISORY = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2019-10906"],
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}],
        }
    ],
}


class Osv(ThreadingHTTPServer):
    """Knows of one advisory; `status` is what it answers with."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/query"


class Handler(BaseHTTPRequestHandler):
    server: Osv

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        hit = asked == {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.10"}
        body = json.dumps({"vulns": [ADVISORY]} if hit else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(autouse=True)
def not_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment of the run says."""
    monkeypatch.delenv("STOPCAST_REQUIRE_AUDIT", raising=False)


@pytest.fixture
def osv() -> Iterator[Osv]:
    server = Osv()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def lock(folder: Path, *pins: str) -> Path:
    path = folder / "requirements.lock"
    path.write_text("\n".join(pins))
    return path


def run(path: Path, service: str, *options: str) -> Result:
    return CliRunner().invoke(audit, [str(path), "--service", service, *options])


def test_a_known_vulnerability_fails_and_says_what_to_do(osv: Osv, tmp_path: Path) -> None:
    result = run(lock(tmp_path, f"jinja2==2.10 {HASH}", f"rich==15.0.0 {HASH}"), osv.url)
    assert result.exit_code == 1
    assert result.output == "jinja2 2.10: CVE-2019-10906, GHSA-aaaa-bbbb-cccc; mended in 2.10.1\n"


def test_every_package_of_production_is_asked_about(osv: Osv) -> None:
    result = run(LOCK, osv.url)
    assert (result.exit_code, result.output.split(" in ")[0]) == (0, "No known vulnerability")
    asked = {f"{told['package']['name']}=={told['version']}" for told in osv.asked}
    pins = {line.split()[0] for line in LOCK.read_text().splitlines() if "==" in line}
    assert asked == {pin.removesuffix(";") for pin in pins}


@pytest.mark.parametrize("status", [None, 500])
def test_a_service_that_does_not_answer_fails_nothing_and_is_told(
    osv: Osv, tmp_path: Path, status: int | None
) -> None:
    osv.status = status or 200
    path = lock(tmp_path, f"jinja2==2.10 {HASH}")
    result = run(path, osv.url if status else NOBODY)
    assert result.exit_code == 0
    assert result.output.startswith("not checked: known vulnerabilities of requirements.lock: ")


def test_a_service_that_is_too_slow_fails_nothing_and_is_told(tmp_path: Path) -> None:
    result = run(lock(tmp_path, f"jinja2==2.10 {HASH}"), NOBODY, "--timeout", "0.001")
    assert result.exit_code == 0
    assert result.output.startswith("not checked: ")


def test_where_an_answer_is_required_none_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOPCAST_REQUIRE_AUDIT", "1")
    result = run(lock(tmp_path, f"jinja2==2.10 {HASH}"), NOBODY)
    assert result.exit_code == 3
    assert result.output.startswith("not checked: ")


@pytest.mark.parametrize("pin", ["jinja2==2.10", f"jinja2>=2 {HASH}"])
def test_a_lock_that_locks_nothing_fails(osv: Osv, tmp_path: Path, pin: str) -> None:
    assert run(lock(tmp_path, pin), osv.url).exit_code == 2
    assert not osv.asked
