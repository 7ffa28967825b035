"""What a search looks at: an entry for each station, and for each stop without one.

A station's platforms are folded into its entry: their names and codes find the station.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from schemas.search.folding import fold, words
from schemas.search.spelling import is_loose, spellings, trigrams

STATION = 1
HEAD = 2048
"""So many entries of each schedule, the first in order, are looked at before all others."""
TAIL = 1 << 16
"""The lowest rank of those others."""
_LONE = 1 << 15
_MOST_TEXTS = 200  # names, and codes, of one entry; a tsvector is at most 1 MB


class StoredStop(NamedTuple):
    """A stop that has a board; `routes` counts those that call there or at its platforms."""

    stop_id: str
    name: str | None
    code: str | None
    location_type: int
    station: str | None
    lat: float | None
    lon: float | None
    routes: int


class Entry(NamedTuple):
    """A row of search_stops; `words` as Postgres reads a tsvector, `location` a point."""

    stop_id: str
    rank: int
    name: str
    words: str
    location: str | None


class Word(NamedTuple):
    """A row of search_words: a word, in how many entries it is, and the keys that find it.

    `keys` as Postgres reads an array.
    """

    word: str
    entries: int
    keys: str


def entries(feed_id: str, stops: Sequence[StoredStop]) -> tuple[list[Entry], list[Word]]:
    """The entries in order, and those of their words that are looked for loosely.

    Stations come first, then those of most routes; then it goes by name.
    """
    members: dict[str, list[StoredStop]] = defaultdict(list)
    for stop in stops:
        members[stop.station or stop.stop_id].append(stop)
    named = [(stop, fold(stop.name or "")) for stop in stops if stop.station is None]
    named.sort(key=lambda pair: (_importance(pair[0]), pair[1], pair[0].stop_id))
    lexemes, vocabulary, found = _Lexemes(), Counter[str](), []
    for place, (stop, name) in enumerate(named):
        text, its_words = lexemes.of(members[stop.stop_id])
        vocabulary.update(its_words)
        rank = (0 if place < HEAD else TAIL) + _importance(stop)
        found.append(Entry(f"{feed_id}:{stop.stop_id}", rank, name, text, _location(stop)))
    return found, [
        Word(word, count, _array(sorted(spellings(word) | trigrams(word))))
        for word, count in vocabulary.items()
        if is_loose(word)
    ]


def quoted(lexeme: str) -> str:
    """As a tsvector or tsquery has it, whatever is in it."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _array(keys: list[str]) -> str:
    # Letters alone: nothing in them means something else in an array.
    return "{" + ",".join(f'"{key}"' for key in keys) + "}"


def _importance(stop: StoredStop) -> int:
    """Lower is better; below 2^16."""
    lone = 0 if stop.location_type == STATION else _LONE
    return lone + _LONE - 1 - min(stop.routes, _LONE - 1)


def _location(stop: StoredStop) -> str | None:
    return None if stop.lat is None or stop.lon is None else f"({stop.lon},{stop.lat})"


class _Lexemes:
    """Each name as `=name`, each code as `#code`; of both every word as `word.`, and its beginnings."""

    def __init__(self) -> None:
        self._beginnings: dict[str, str] = {}

    def of(self, stops: Sequence[StoredStop]) -> tuple[str, set[str]]:
        """The lexemes of an entry's members, and the words in them."""
        names = _folded(stop.name for stop in stops)
        codes = _folded(stop.code for stop in stops)
        found = {word for text in (*names, *codes) for word in words(text)}
        whole = (*(quoted(f"={name}") for name in names), *(quoted(f"#{code}") for code in codes))
        return " ".join((*whole, *map(self._of_word, sorted(found)))), found

    def _of_word(self, word: str) -> str:
        text = self._beginnings.get(word)
        if text is None:
            beginnings = (word[:end] for end in range(1, len(word) + 1))
            text = " ".join(map(quoted, (f"{word}.", *beginnings)))
            self._beginnings[word] = text
        return text


def _folded(texts: Iterable[str | None]) -> list[str]:
    different = dict.fromkeys(text for text in texts if text)
    return [*islice(dict.fromkeys(filter(None, map(fold, different))), _MOST_TEXTS)]
