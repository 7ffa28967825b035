"""Names as they are compared: without case, accents and punctuation.

What is stored and what is typed pass through the same function. Who changes it must have the stored
entries made anew (`schemas.search.stored`).
"""

import re
from unicodedata import combining, normalize

MOST_LETTERS = 200
"""Of a whole name or code; what is longer is cut, as typed and as stored."""
MOST_OF_WORD = 40

# Letters of European languages that Unicode does not take for a letter with an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}  # noqa: RUF001  # the dotless i
)
_POSSESSIVE = re.compile(r"['\u2019\u02bc](?=s\b)")  # King's Cross is typed as Kings Cross
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """Its words in their plainest letters, separated by spaces.

    A text of signs alone stands for itself, so that its stop can be found too. Folding again changes
    nothing.
    """
    plain = normalize("NFKD", normalize("NFKD", text).casefold())
    plain = "".join(letter for letter in plain if not combining(letter)).translate(_LETTERS)
    folded = " ".join(_WORD.findall(_POSSESSIVE.sub("", plain))) or " ".join(plain.split())
    return folded[:MOST_LETTERS].rstrip()


def words(folded: str) -> list[str]:
    """The different words of a folded text, in its order."""
    return [*dict.fromkeys(word[:MOST_OF_WORD] for word in folded.split())]
