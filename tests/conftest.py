"""Real servers for every test that needs one: started once a session, emptied between tests."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, settings

from schemas.local import embedded
from tests.leaks import leaked, leaky_logs
from tests.small_city import SMALL_CITY

# A slow moment of the machine is no failure.
settings.register_profile("stopcast", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stopcast")

# `pytest --hypothesis-profile=long tests/conformance` looks longer for what breaks a law.
settings.register_profile("long", settings.get_profile("stopcast"), max_examples=4000)

CAPTURES = Path(os.environ.get("STOPCAST_CAPTURES", Path(__file__).parents[2] / "shared" / "data"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that logs a token fails, whatever it was about."""
    report = yield
    for name, text in report.sections:
        of_this_phase = name.endswith(report.when)
        if of_this_phase and report.passed and (where := leaked(text)) is not None:
            report.outcome = "failed"
            report.longrepr = f"{name} has a token in it, behind: {where}"
    return report


@pytest.fixture(scope="session", autouse=True)
def log_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No log file of the whole run has a token in it."""
    yield
    assert leaky_logs(tmp_path_factory.getbasetemp()) == {}


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real captures (never in the repository); skipped, or with
    STOPCAST_REQUIRE_CAPTURES=1 failed, where it is missing."""
    if CAPTURES.is_dir():
        return CAPTURES
    text = f"no captures at {CAPTURES}: set STOPCAST_CAPTURES"
    if os.environ.get("STOPCAST_REQUIRE_CAPTURES") == "1":
        pytest.fail(text)
    pytest.skip(text)


@pytest.fixture
def program() -> Callable[[str], str]:
    """Where a program is that only tests need; skipped, or with STOPCAST_REQUIRE_CLIENTS=1 failed,
    where it is not."""

    def find(name: str) -> str:
        if found := shutil.which(name):
            return found
        text = f"{name} is not installed"
        if os.environ.get("STOPCAST_REQUIRE_CLIENTS") == "1":
            pytest.fail(text)
        pytest.skip(text)

    return find


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with embedded.valkey() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with embedded.postgres() as url:
        yield url


@pytest.fixture
def gtfs_zip(tmp_path: Path) -> Callable[..., Path]:
    """`gtfs_zip({name: text})`: the small city with these files instead; None leaves one out."""

    def write(changed: dict[str, str | bytes | None] | None = None, name: str = "gtfs.zip") -> Path:
        path = tmp_path / name
        with ZipFile(path, "w") as archive:
            for file, text in {**SMALL_CITY, **(changed or {})}.items():
                if text is not None:
                    # Without a date of its own a file gets the clock's, and equal cities differ.
                    archive.writestr(ZipInfo(file), text, ZIP_DEFLATED)
        return path

    return write
