"""Real servers for every test that needs one: started once a session, emptied between tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import settings

from schemas.local import embedded
from tests.small_city import SMALL_CITY

settings.register_profile("stopcast", deadline=None)  # a slow moment of the machine is no failure
settings.load_profile("stopcast")

# `pytest --hypothesis-profile=long tests/conformance` looks longer for what breaks a law.
settings.register_profile("long", max_examples=4000, deadline=None)

CAPTURES = Path(os.environ.get("STOPCAST_CAPTURES", Path(__file__).parents[2] / "shared" / "data"))


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
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            for file, text in {**SMALL_CITY, **(changed or {})}.items():
                if text is not None:
                    archive.writestr(file, text)
        return path

    return write
