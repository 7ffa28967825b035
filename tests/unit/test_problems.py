"""Codes of problems: the documentation lists those that the code has."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def codes_in_use() -> set[str]:
    """The literal codes given to `Problem` (second argument) and `unavailable` (first)."""
    codes = {"not_found", "method_not_allowed"}  # made of the status that Starlette raises
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            position = {"Problem": 1, "unavailable": 0}.get(node.func.id)
            if position is not None and isinstance(code := node.args[position], ast.Constant):
                codes.add(str(code.value))
    return codes


def test_the_protocol_lists_each_code() -> None:
    protocol = (ROOT / "docs/protocol.md").read_text()
    [table] = re.findall(r"^\| code \| status \| when \|\n((?:\|.*\n)+)", protocol, re.MULTILINE)
    first_column = " ".join(row.split("|")[1] for row in table.splitlines())
    assert set(re.findall(r"`(\w+)`", first_column)) == codes_in_use()
