"""Which stops a search finds, and in which order; out of the search tables in Postgres.

A search goes from tier to tier (gateway/stop_words.py), and in each first through the head of the
schedules (schemas/search/entries.py), then through the rest: whatever many stops match is mostly
found in the head, and the rest has little of what the head has nothing of. So the work does not
grow with the number of stops (docs/decisions/0028).
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from gateway.database import Database
from gateway.nearby import EARTH, Place
from gateway.stop_search import Position, StopSearch
from gateway.stop_words import NOTHING, StopWords
from schemas.search.entries import TAIL
from schemas.search.spelling import begins_nearly, is_loose, is_nearly, spellings, trigrams

_EXACT = {0, 1}  # tiers that many stops never are in
_WORDS = 3  # the tier that holds those before it
_FIRST = Position(0, 0, 0, "", "")  # before all stops: none has an empty id
_END_OF_HEAD = Position(0, 0, TAIL, "", "")
_MOST_CANDIDATES = 500
"""Words that are compared with one that was typed: a millisecond in which nothing else is done."""
_NEXT = 4096  # entries that are walked through
_LOOKS = (300.0, 1_200.0, 4_800.0, 19_200.0, 76_800.0)
"""Metres: how far around a place is looked, until there is enough."""
_NEAR = 4_800.0
"""Metres: within them all stops are looked at for words, beyond them only those that have the words."""

_ACTIVE = "version = ANY (ARRAY (SELECT version FROM schedules))"
_ORDER = "rank, name, stop_id"

_ALL = f"""
SELECT rank, name, stop_id FROM search_stops
WHERE {_ACTIVE} AND ({_ORDER}) > ($1, $2, $3)
ORDER BY {_ORDER} LIMIT $4
"""  # noqa: S608  # no value is written into it


def _matching(where: str) -> str:
    # Materialized: else the planner may walk through all stops in order, waiting for matches.
    return f"""
    WITH found AS MATERIALIZED (
        SELECT rank, name, stop_id FROM search_stops
        WHERE {_ACTIVE} AND {where}
          AND words @@ $1::text::tsquery AND NOT words @@ $2::text::tsquery
          AND ({_ORDER}) > ($3, $4, $5)
    )
    SELECT * FROM found ORDER BY {_ORDER} LIMIT $6
    """  # noqa: S608  # no value is written into it


_MATCHING = _matching("true")
_MATCHING_IN_HEAD = _matching(f"rank < {TAIL}")


# Where a page begins so far behind, many stops match: the next are near.
_MATCHING_NEXT = f"""
SELECT rank, name, stop_id FROM (
    SELECT rank, name, stop_id, words FROM search_stops
    WHERE {_ACTIVE} AND ({_ORDER}) > ($3, $4, $5)
    ORDER BY {_ORDER} LIMIT {_NEXT}
) AS next
WHERE words @@ $1::text::tsquery AND NOT words @@ $2::text::tsquery
ORDER BY {_ORDER} LIMIT $6
"""  # noqa: S608  # no value is written into it


def _nearby(among: str = "true", of_them: str = "true") -> str:
    # The haversine formula: great-circle distance on a sphere.
    return f"""
    WITH found AS MATERIALIZED (
        SELECT rank, name, stop_id, words, 2 * {EARTH} * asin(least(1, sqrt(
            sin(radians(location[1] - $3) / 2) ^ 2 + cos(radians($3)) * cos(radians(location[1]))
            * sin(radians(location[0] - $4::float8) / 2) ^ 2
        ))) AS distance
        FROM search_stops
        WHERE {_ACTIVE} AND {among}
          AND (location <@ $1::text::box OR location <@ $2::text::box)
    )
    SELECT rank, name, stop_id, distance FROM found
    WHERE {of_them} AND distance <= $5 AND (distance, {_ORDER}) > ($6, $7, $8, $9)
    ORDER BY distance, {_ORDER} LIMIT $10
    """  # noqa: S608  # no value is written into it


_NEARBY = _nearby()
_MATCHING_NEAR = _nearby(of_them="words @@ $11::text::tsquery")
_MATCHING_FAR = _nearby(among="words @@ $11::text::tsquery")

_CANDIDATES = f"""
SELECT word FROM search_words
WHERE {_ACTIVE} AND (keys && $1 OR keys @> $2 AND strpos(word, $3) > 0)
GROUP BY word ORDER BY sum(entries) DESC, word LIMIT $4
"""  # noqa: S608  # no value is written into it


class StopFinder:
    """One search."""

    def __init__(self, database: Database, search: StopSearch) -> None:
        self.database = database
        self.words = StopWords(search.q) if search.q else None
        self.place = None
        if search.lat is not None and search.lon is not None:
            self.place = Place(search.lat, search.lon)
        self.radius = search.radius
        self.after = search.cursor or _FIRST
        self.most = search.limit + 1

    async def find(self) -> list[Position]:
        """The stops of a page, and the first of the next."""
        if self.words and not self.words.words:
            return []
        if self.place:
            return await self._nearby(self.place)
        if self.words:
            return await self._matching(self.words)
        after = self.after[2:]
        return _positions(0, await self.database.fetch(_ALL, *after, self.most))

    async def _matching(self, words: StopWords) -> list[Position]:
        found: list[Position] = []
        before = [NOTHING]
        async for tier, query in self._tiers(words):
            if tier >= self.after.tier:
                after = self.after if tier == self.after.tier else _FIRST
                found += await self._tier(tier, query, before, after, self.most - len(found))
            if len(found) == self.most:
                break
            before.append(query)
        return found

    async def _tiers(self, words: StopWords) -> AsyncIterator[tuple[int, str]]:
        for tier, query in enumerate(words.tiers):
            yield tier, query
        # Who typed the whole of a name or code meant it.
        if not await self._tier(0, words.exactly, [NOTHING], _FIRST, 1):
            for tier, query in await self._loose_tiers(words):
                yield tier, query

    async def _tier(
        self, tier: int, query: str, before: Sequence[str], after: Position, most: int
    ) -> list[Position]:
        without = " | ".join(before)

        async def matching(statement: str, behind: Position, most: int) -> list[dict[str, Any]]:
            return await self.database.fetch(statement, query, without, *behind[2:], most)

        if tier in _EXACT:
            return _positions(tier, await matching(_MATCHING, after, most))
        found = await matching(_MATCHING_IN_HEAD, after, most) if after.rank < TAIL else []
        if len(found) < most:
            behind = max(after, _END_OF_HEAD, key=lambda position: position[2:])
            more: list[dict[str, Any]] = []
            if after is not _FIRST:
                more = await matching(_MATCHING_NEXT, behind, most - len(found))
            if len(found) + len(more) < most:
                more = await matching(_MATCHING, behind, most - len(found))
            found += more
        return _positions(tier, found)

    async def _loose_tiers(self, words: StopWords) -> Iterable[tuple[int, str]]:
        """Those with a typo; then those that have a word inside of another, or begin with a typo."""
        typos: dict[str, list[str]] = {}
        parts: dict[str, list[str]] = {}
        for typed in words.words:
            found = await self._candidates(typed)
            typos[typed] = [word for word in found if is_nearly(typed, word)]
            rest = (word for word in found if word not in typos[typed])
            parts[typed] = [word for word in rest if typed in word or begins_nearly(typed, word)]
        return words.loose_tiers(typos, parts)

    async def _candidates(self, typed: str) -> list[str]:
        """Words that may have `typed` inside, or nearly so."""
        if not is_loose(typed):
            return []
        rows = await self.database.fetch(
            _CANDIDATES, [*spellings(typed)], [*trigrams(typed)], typed, _MOST_CANDIDATES
        )
        return [row["word"] for row in rows if not row["word"].startswith(typed)]

    async def _nearby(self, place: Place) -> list[Position]:
        """Of those that have the words, if there are any, nearest first; else of a looser tier."""
        if not self.words:
            return await self._around(place, 0, None)
        found: list[Position] = []
        async for tier, query in self._tiers(self.words):
            if tier >= _WORDS and (self.after is _FIRST or tier == self.after.tier):
                found = await self._around(place, tier, query)
            if found:
                break
        return found

    async def _around(self, place: Place, tier: int, query: str | None) -> list[Position]:
        looks = [look for look in _LOOKS if self.after.distance < look < self.radius]
        found: list[dict[str, Any]] = []
        words = () if query is None else (query,)
        for radius in (*looks, self.radius):
            statement = _MATCHING_NEAR if radius <= _NEAR else _MATCHING_FAR
            found = await self.database.fetch(
                statement if words else _NEARBY,
                *(*place.boxes(radius), *place, radius, *self.after[1:], self.most, *words),
            )
            if len(found) == self.most:
                break
        return _positions(tier, found)


def _positions(tier: int, rows: Sequence[dict[str, Any]]) -> list[Position]:
    return [
        Position(tier, row.get("distance", 0.0), row["rank"], row["name"], row["stop_id"])
        for row in rows
    ]
