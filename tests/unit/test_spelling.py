"""One typo is forgiven, by whatever way it was made."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.search.spelling import begins_nearly, is_loose, is_nearly, spellings, trigrams

LETTERS = st.sampled_from(string.ascii_lowercase)
WORDS = st.text(LETTERS, min_size=5, max_size=15)


@st.composite
def typos(draw: st.DrawFn) -> tuple[str, str]:
    """A word, and the same with one typo."""
    word, letter = draw(WORDS), draw(LETTERS)
    at = draw(st.integers(0, len(word) - 1))
    ways = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
        word + letter,
    ]
    return word, draw(st.sampled_from(ways))


@given(typos())
def test_a_word_is_found_by_any_one_typo(pair: tuple[str, str]) -> None:
    word, typed = pair
    assert spellings(word) & spellings(typed)
    assert is_nearly(typed, word)
    assert is_nearly(word, typed)


@given(typos(), st.text(LETTERS, max_size=5))
def test_a_longer_word_that_begins_nearly_so_is_near(pair: tuple[str, str], more: str) -> None:
    word, typed = pair
    assert begins_nearly(typed, word + more)


@pytest.mark.parametrize(
    ("typed", "word"),
    [("embbbarcadero", "embarcadero"), ("xmbarcaderx", "embarcadero"), ("emabcradero", "embarcadero"),
     ("embarc", "alameda"), ("street", "stret"[:3]), ("market", "mar")],
)  # fmt: skip
def test_two_typos_are_too_many(typed: str, word: str) -> None:
    assert not is_nearly(typed, word)
    assert not begins_nearly(typed, word)


def test_a_longer_word_is_another() -> None:
    assert not is_nearly("himls", "hillsborough")
    assert begins_nearly("himls", "hillsborough")


@pytest.mark.parametrize("word", ["abc", "1234", "u12a", ""])
def test_short_words_and_numbers_are_meant_as_they_are_typed(word: str) -> None:
    assert not is_loose(word)


@given(WORDS, st.data())
def test_what_is_inside_of_a_word_has_no_other_trigrams(word: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(word) - 3))
    last = data.draw(st.integers(first + 3, len(word)))
    assert trigrams(word[first:last]) <= trigrams(word)
    assert not trigrams(word) & spellings(word)
