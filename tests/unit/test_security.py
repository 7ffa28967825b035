"""SECURITY.md names tests that exist, at least one wherever it says that something holds."""

import re
from pathlib import Path

import pytest

from tests.rules import test_names as names_of_tests

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
LINK = re.compile(r"\[([^\]]+)\]\(tests/([^)]+)\)")
THREATS, OWASP = (
    re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for title in ("Who attacks.*?", "OWASP.*?")
)
EXISTING = set(names_of_tests())
FILES = {file for _, file in EXISTING}


def rows(part: re.Match[str] | None) -> list[str]:
    """Of all tables, their heads left out."""
    assert part
    lines = [line for line in part[1].splitlines() if line.startswith("|")]
    heads = {
        n for rule, line in enumerate(lines) if set(line) == set("|-") for n in (rule - 1, rule)
    }
    return [line for n, line in enumerate(lines) if n not in heads]


@pytest.mark.parametrize(("name", "file"), sorted(set(LINK.findall(TEXT))))
def test_a_named_test_exists(name: str, file: str) -> None:
    if name == Path(file).name:
        assert file in FILES
    else:
        assert (f"test_{name}", file) in EXISTING


@pytest.mark.parametrize("row", rows(THREATS) + rows(OWASP), ids=lambda row: row[2:50])
def test_what_holds_is_proved(row: str) -> None:
    assert LINK.search(row.rstrip(" |").rpartition("|")[2]), "no test in the last column"


def test_each_risk_of_owasp_has_a_row() -> None:
    assert [row.partition("]")[0][3:] for row in rows(OWASP)] == [f"API{n}" for n in range(1, 11)]
