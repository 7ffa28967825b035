"""Documentation that can be wrong is compared with the code."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import stopcast
from feeds.config import Endpoint, Feed
from gateway.settings import GatewaySettings
from schemas.settings import Settings
from tests.documented import unknown_to_stopcast

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
SETTINGS: tuple[type[BaseModel], ...] = (Settings, GatewaySettings)


def variable(name: str, field: FieldInfo) -> str:
    return str(field.validation_alias or f"STOPCAST_{name.upper()}")


def fields(*models: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    return [(name, field) for model in models for name, field in model.model_fields.items()]


def written(field: FieldInfo) -> str:
    """A default as the tables write it."""
    if field.is_required() or field.default is None:
        return "\N{EN DASH}"
    if field.default in ({}, ()):
        return "none"
    if isinstance(field.default, SecretStr):
        return f"`{field.default.get_secret_value()}`"
    if isinstance(field.default, tuple):
        return f"`{','.join(field.default)}`"
    if isinstance(field.default, bool):
        return "`true`" if field.default else "`false`"
    return f"`{float(field.default) if field.annotation is float else field.default}`"


@pytest.mark.parametrize(("name", "field"), fields(*SETTINGS))
def test_every_setting_is_documented_with_its_default(name: str, field: FieldInfo) -> None:
    assert f"| `{variable(name, field)}` | {written(field)} |" in CONFIGURATION


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", CONFIGURATION, re.MULTILINE))
    settings = {variable(name, field) for name, field in fields(*SETTINGS)}
    others = {name for name in documented - settings if not used(name)}
    assert not others


def used(name: str) -> bool:
    """Read by a command's option or the tests' own tools rather than by Settings."""
    files = [
        *ROOT.glob("schemas/**/*.py"),
        *ROOT.glob("gateway/**/*.py"),
        *ROOT.glob("tests/*.py"),
    ]
    return any(f'"{name}"' in path.read_text() for path in files)


@pytest.mark.parametrize(("name", "field"), fields(Feed, Endpoint))
def test_every_key_of_stopcast_toml_is_documented(name: str, field: FieldInfo) -> None:
    assert f"| `{name}` | {written(field)} |" in CONFIGURATION


@pytest.mark.parametrize("event", ["feed", "snapshot", "patch", "gone", "heartbeat", "goodbye"])
def test_every_event_is_in_the_protocol(event: str) -> None:
    assert f"\n| `{event}` |" in PROTOCOL


def links() -> list[tuple[Path, str]]:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    found = [(page, re.findall(r"\]\(([^)#:]+)\)", page.read_text())) for page in pages]
    return [(page, link) for page, all_links in found for link in all_links]


@pytest.mark.parametrize(("page", "link"), links())
def test_link_leads_somewhere(page: Path, link: str) -> None:
    assert (page.parent / link).exists()


def commands_of_processes() -> list[str]:
    """Of the Procfile and fly.toml; those of the pages are run, or read, by tests/e2e."""
    files = [ROOT / "Procfile", ROOT / "fly.toml"]
    line = re.compile(r"^ *(?:\w+: |\w+ = \")(stopcast [^\"#\n]*)", re.MULTILINE)
    return sorted({command for path in files for command in line.findall(path.read_text())})


@pytest.mark.parametrize("line", commands_of_processes())
def test_command_of_a_process_exists_with_its_options(line: str) -> None:
    assert unknown_to_stopcast(line) == ""


def test_each_command_is_listed_by_the_front_door_and_its_help_teaches() -> None:
    for name in stopcast.COMMANDS:
        result = CliRunner().invoke(stopcast.cli, [name, "--help"])
        assert result.exit_code == 0, result.output
        assert "Usage:" in result.output
