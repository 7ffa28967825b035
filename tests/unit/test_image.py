"""The Dockerfile, read instruction by instruction."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    """One of the Dockerfile: `COPY`, and what stands behind it."""

    name: str
    text: str


def instructions() -> list[Instruction]:
    """Without comments, each on one line."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:1] != "#"]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    parts = (line.split(maxsplit=1) for line in whole if line)
    return [Instruction(name, text) for name, text in parts]


ALL = instructions()
LAST = ALL[[place for place, each in enumerate(ALL) if each.name == "FROM"][-1] :]


def test_every_line_is_an_instruction() -> None:
    known = {
        *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD"),
        *("ARG", "ENTRYPOINT", "LABEL", "STOPSIGNAL", "VOLUME", "SHELL", "ADD", "ONBUILD"),
    }
    assert {each.name for each in ALL} <= known


def test_it_is_made_of_one_version_of_python() -> None:
    bases = [each.text.split()[0] for each in ALL if each.name == "FROM"]
    assert bases == ["python:3.11", "python:3.11-slim"]


def test_it_runs_as_nobody_by_number() -> None:
    [user] = [each.text for each in LAST if each.name == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_it_says_how_it_is() -> None:
    [check] = [each.text for each in LAST if each.name == "HEALTHCHECK"]
    assert "/healthz" in check
    assert "os.environ.get('PORT', 8000)" in check


def test_nothing_is_in_it_but_what_was_built() -> None:
    """No source, no lock file, no tool, and nothing downloaded."""
    assert all(each.text.startswith("--from=build ") for each in LAST if each.name == "COPY")
    assert not {each.name for each in LAST} & {"RUN", "ADD", "ARG"}


def test_installs_only_what_is_locked() -> None:
    installs = [line for each in ALL for line in each.text.split("&&") if " install " in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "/wheels/" in line for line in installs)


def test_libraries_are_a_layer_of_their_own() -> None:
    """A change of Stopcast alone leaves it as it is, and so does one of the tools."""
    names = [each.text for each in ALL]
    locked = names.index("requirements.lock .")
    [libraries] = [
        n for n, text in enumerate(names) if "-r requirements.lock" in text and "venv" in text
    ]
    assert libraries == locked + 1
    assert not any(each.text.startswith((". ", "requirements-dev")) for each in ALL[:libraries])
    copies = [each.text for each in LAST if each.name == "COPY"]
    assert copies[:2] == [
        "--from=build /opt/stopcast /opt/stopcast",
        "--from=build /own /opt/stopcast",
    ]


def test_what_is_set_is_a_setting_and_no_secret() -> None:
    [env] = [each.text for each in LAST if each.name == "ENV"]
    names = set(re.findall(r"(\w+)=", env))
    # Whose tables are held against the code by test_docs.py.
    configuration = (ROOT / "docs/configuration.md").read_text()
    unknown = {name for name in names if f"| `{name}` |" not in configuration}
    assert unknown == {"PATH", "PYTHONUNBUFFERED"}
    assert not re.search("SECRET|TOKEN|PASSWORD|KEY|DSN", " ".join(names))


def test_sentry_and_opentelemetry_need_only_their_variables() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    locked = (ROOT / "requirements.lock").read_text()
    for requirement in [*extras["sentry"], *extras["otel"]]:
        name = requirement.partition(">")[0]
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name
    makefile = (ROOT / "Makefile").read_text()
    assert "--extra=sentry --extra=otel" in makefile
