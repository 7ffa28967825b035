"""What a typed text is looked for as: the tiers of a search, best first, as tsqueries.

Lexemes are as `schemas.search.entries` makes them.
"""

from collections.abc import Iterator, Mapping, Sequence

from schemas.search.entries import quoted
from schemas.search.folding import fold, words

NOTHING = quoted("#")
"""A code without letters, which nothing has."""
_MOST_WORDS = 12
_MOST_OTHERS = 100  # words, those of most stops, that may stand for those that were typed


class StopWords:
    """A text that was typed; `tiers` are those that need no vocabulary, from 0 on."""

    def __init__(self, typed: str) -> None:
        folded = fold(typed)
        self.words = words(folded)[:_MOST_WORDS]
        self.all_of_them = " & ".join(map(quoted, self.words))
        code, name = quoted(f"#{folded}"), quoted(f"={folded}")
        self.exactly = f"{code} | {name}"
        self.tiers = [code, name, f"{name}:*", self.all_of_them]

    def loose_tiers(self, *others: Mapping[str, Sequence[str]]) -> Iterator[tuple[int, str]]:
        """The next tiers: for each word those of `others` too, one after the other.

        One that adds nothing is left out.
        """
        choices = {word: [word] for word in self.words}
        most = _MOST_OTHERS // len(self.words)
        for tier, more in enumerate(others, len(self.tiers)):
            for word in self.words:
                choices[word] += [f"{other}." for other in more[word][:most]]
            if any(more.values()):
                any_of = (" | ".join(map(quoted, choice)) for choice in choices.values())
                yield tier, " & ".join(f"({each})" for each in any_of)
