"""Cursors of /v1/stops, and what of a query string is believed."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.stop_search import Position, StopSearch

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.integers(0, 5), st.floats(0, 1e5), st.integers(0, 131071), TEXTS, TEXTS)
def test_a_cursor_comes_back_as_the_position_it_was_made_of(
    tier: int, distance: float, rank: int, name: str, stop_id: str
) -> None:
    position = Position(tier, distance, rank, name, f"demo:{stop_id}")
    assert StopSearch.model_validate({"cursor": position.encode()}).cursor == position


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"{}",
        b"[1]",
        b'[0,0,0,"","nowhere"]',
        b'[6,0,0,"","a:b"]',
        b'[0,0,131072,"","a:b"]',
        b'[0,-1,0,"","a:b"]',
        b'[0,NaN,0,"","a:b"]',
        b'[0,1e999,0,"","a:b"]',
        b'[0,0,0,"a\\u0000","a:b"]',
        b'[0,0,0,"","a:b\\u0000"]',
    ],
)
def test_a_forged_cursor_is_refused(forged: bytes) -> None:
    with pytest.raises(ValidationError):
        StopSearch.model_validate({"cursor": urlsafe_b64encode(forged).decode()})


def test_nothing_asked_is_everything_a_page_at_a_time() -> None:
    search = StopSearch.model_validate({"unknown": "ignored", "q": "  "})
    assert (search.q, search.lat, search.cursor, search.limit) == ("", None, None, 20)
