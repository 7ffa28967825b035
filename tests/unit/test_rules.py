"""docs/rules.md is what the test names say."""

from tests.rules import PAGE, RULES, page, rows


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run python tests/rules.py"


def test_no_test_names_a_rule_that_does_not_exist() -> None:
    assert {int(number) for number in rows(r"rule_(\d+)_")} <= RULES.keys()
