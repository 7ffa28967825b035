"""Words that are nearly the same: one letter missing, too many, wrong, or swapped with the next.

Two words within one such typo have a spelling with one letter left out in common (the idea is
SymSpell's, https://github.com/wolfgarbe/SymSpell), so a lookup of a few keys finds the candidates.
"""

_SHORTEST = 4  # letters: of shorter words too many are nearly the same
_LOOKED_AT = 7  # letters: later ones differ by more words than they are worth keys


def is_loose(word: str) -> bool:
    """Whether it is also looked for with a typo, and inside of words.

    Numbers are not: the next one is another stop.
    """
    return len(word) >= _SHORTEST and word.isalpha()


def spellings(word: str) -> set[str]:
    """The keys that a word shares with all that are within one typo."""
    start = word[:_LOOKED_AT]
    return {start, *(start[:at] + start[at + 1 :] for at in range(len(start)))}


def trigrams(word: str) -> set[str]:
    """The keys of what may stand inside of a word, marked as no spelling is."""
    return {f".{word[at : at + 3]}" for at in range(len(word) - 2)}


def is_nearly(typed: str, word: str) -> bool:
    """Whether it is the same word, but for one typo at most."""
    same = 0
    while same < min(len(typed), len(word)) and typed[same] == word[same]:
        same += 1
    typed, word = typed[same:], word[same:]
    swapped = typed[1:2] + typed[:1] + typed[2:]
    return word in {typed[1:], swapped} or word[1:] in {typed, typed[1:]}


def begins_nearly(typed: str, word: str) -> bool:
    """Whether the word begins so, but for one typo at most."""
    return any(is_nearly(typed, word[: len(typed) + more]) for more in (-1, 0, 1))
