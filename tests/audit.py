"""Known vulnerabilities in what production installs: pip-audit asks OSV about requirements.lock.

    python tests/audit.py        exit code 1: a package has one; 2: the lock file cannot be read

A service that is out of reach is no fault of the change at hand: the line `not checked: …` and exit
code 0, never silence (tests/unit/test_audit.py). With STOPCAST_REQUIRE_AUDIT=1, for where there is
always a network: exit code 3.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson

LOCK = Path(__file__).parents[1] / "requirements.lock"
SERVICE = "https://api.osv.dev/v1/query"
TIMEOUT = 300  # seconds, for all packages

# The last line of pip-audit's traceback where it was not answered, or not as it must be.
_UNANSWERED = re.compile(
    r"(?:requests|urllib3)\.exceptions\.|pip_audit\..*\.(?:Service|Connection)Error"
)
_BLOCKED = "your network may be blocking this service"


class NotCheckedError(Exception):
    """The service did not answer; the text says how that showed."""


@click.command(help=__doc__)
@click.argument("lock", type=click.Path(path_type=Path), default=LOCK)
@click.option("--service", default=SERVICE, help="Another one with the API of OSV.")
@click.option("--timeout", default=TIMEOUT, type=float, help="Seconds.", show_default=True)
def audit(lock: Path, service: str, timeout: float) -> None:
    try:
        packages = answers(lock, service, timeout)
    except NotCheckedError as error:
        click.echo(f"not checked: known vulnerabilities of {lock.name}: {error}")
        sys.exit(3 if os.environ.get("STOPCAST_REQUIRE_AUDIT") == "1" else 0)
    if faults := list(vulnerabilities(packages)):
        click.echo("\n".join(faults))
        sys.exit(1)
    click.echo(f"No known vulnerability in the {len(packages)} packages of {lock.name}.")


def answers(lock: Path, service: str, timeout: float) -> list[dict[str, Any]]:
    """Each package with its `vulns`.

    Raises:
        NotCheckedError: the service did not answer.
        SystemExit: the lock file cannot be read, or is without hashes.
    """
    asked = ["--requirement", str(lock), "--require-hashes", "--disable-pip"]
    told = ["--format", "json", "--desc", "off", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", *asked, *told, "-s", "osv", "--osv-url", service]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603  # no shell, and words of ours
    except subprocess.TimeoutExpired:
        raise NotCheckedError(f"no answer in {timeout:g} seconds") from None
    if run.stdout.startswith("{"):
        packages: list[dict[str, Any]] = orjson.loads(run.stdout)["dependencies"]
        return packages
    last = run.stderr.strip().rpartition("\n")[2]
    if _UNANSWERED.match(last) or _BLOCKED in last:
        raise NotCheckedError(last)
    click.echo(run.stderr, err=True)
    sys.exit(2)


def vulnerabilities(packages: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each: the package, the names of what is wrong with it, and what to do."""
    for package in packages:
        for found in package["vulns"]:
            names = ", ".join([found["id"], *sorted(found["aliases"])])
            mended = " or ".join(found["fix_versions"]) or "no version yet"
            yield f"{package['name']} {package['version']}: {names}; mended in {mended}"


if __name__ == "__main__":
    audit()
