"""What a cursor is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cursor import SKEW, covers, parse

NOW = 1_763_680_000_000_000


@pytest.mark.parametrize("text", ["", " 1", "-1", "1.0", "abc", "²", "1" * 21, str(NOW + SKEW + 1)])
def test_what_is_not_ours_or_of_the_future_is_void(text: str) -> None:
    assert parse(text, NOW, [0]) is None


def test_a_cursor_counts_from_each_lineage_on() -> None:
    assert parse(str(NOW), NOW, [NOW, 0]) == NOW
    assert parse(str(NOW), NOW, [0, NOW + 1]) is None
    assert parse(str(NOW), NOW, [0, None]) is None
    assert parse(str(NOW + SKEW), NOW, []) == NOW + SKEW


@given(st.integers(0, NOW), st.integers(-2 * SKEW, 2 * SKEW), st.booleans())
def test_a_client_is_believed_no_further_than_clocks_agree(
    held: int,
    ahead: int,
    alone: bool,  # noqa: FBT001  # drawn
) -> None:
    assert covers(held, held - ahead, alone=alone) == (ahead >= SKEW or (alone and ahead == 0))


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    parse(text, NOW, [0])
