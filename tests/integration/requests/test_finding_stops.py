"""Searches among the stops of a real city, each with what an obvious search would find."""

import asyncio
import random
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from feeds.gtfs.schedule_import import import_schedule
from gateway.database import Database
from gateway.stop_finder import StopFinder
from gateway.stop_search import Position, StopSearch
from schemas import database
from schemas.search import entries as entries_module
from schemas.search.folding import fold, words
from schemas.search.spelling import begins_nearly, is_nearly

CHANCE = 20261121  # of what is asked


class Entry(NamedTuple):
    """As it is stored, and what it is made of."""

    order: tuple[int, str, str]
    names: set[str]
    codes: set[str]

    @property
    def words(self) -> set[str]:
        return {word for text in self.names | self.codes for word in words(text)}

    def tier(self, typed: str) -> int | None:
        """As docs/protocol.md tells it; None for those with a typo, and for no match."""
        folded = fold(typed)
        if folded in self.codes:
            return 0
        if folded in self.names:
            return 1
        if any(name.startswith(folded) for name in self.names):
            return 2
        if all(any(word.startswith(t) for word in self.words) for t in words(folded)):
            return 3
        return None


class City(NamedTuple):
    url: str
    entries: dict[str, Entry]


async def _prepare(server: str, url: str, zips: dict[str, Path]) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute("DROP DATABASE IF EXISTS finding_stops WITH (FORCE)")
    await connection.execute("CREATE DATABASE finding_stops")
    await connection.close()
    await database.migrate(url)
    async with database.connect(url) as target:
        for feed_id, path in zips.items():
            await import_schedule(str(path), feed_id, target, skip_wrong=True)


async def _entries(url: str) -> dict[str, Entry]:
    async with database.connect(url) as connection:
        rows = await connection.fetch(
            """
            SELECT e.rank, e.name, e.stop_id, array_agg(s.stop_name) AS names,
                   array_agg(s.stop_code) AS codes
            FROM search_stops e JOIN schedules f USING (version)
            JOIN stops s ON s.version = e.version AND s.location_type IN (0, 1)
                AND f.feed_id || ':' || coalesce(nullif(s.parent_station, ''), s.stop_id) = e.stop_id
            GROUP BY 1, 2, 3
            """
        )
    return {
        row["stop_id"]: Entry(
            (row["rank"], row["name"], row["stop_id"]),
            {fold(name) for name in row["names"] if name},
            {fold(code) for code in row["codes"] if code},
        )
        for row in rows
    }


@pytest.fixture(scope="module", params=[4096, 50], ids=["all in the head", "a head of 50"])
def city(request: pytest.FixtureRequest, postgres_url: str, captures: Path) -> City:
    """Two feeds: buses of Tampa (2,349 stops, codes), the subway of New York (platforms)."""
    url = make_url(postgres_url).set(database="finding_stops")
    text = url.render_as_string(hide_password=False)
    zips = {
        "bus": captures / "transitland-lib/rt/hart.zip",
        "subway": captures / "onebusaway-app-modules/nyct_multi_trips/MTASBWY/cut.zip",
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(entries_module, "HEAD", request.param)
        asyncio.run(_prepare(postgres_url, text, zips))
    return City(text, asyncio.run(_entries(text)))


@pytest.fixture
async def postgres(city: City) -> Any:
    opened = Database(city.url)
    yield opened
    await opened.close()


async def page(postgres: Database, **asked: Any) -> list[Position]:
    return await StopFinder(postgres, StopSearch.model_validate(asked)).find()


async def every_page(postgres: Database, limit: int, **asked: Any) -> list[Position]:
    """One after the other to the end."""
    found: list[Position] = []
    cursor: dict[str, str] = {}
    for _ in range(10_000):
        more = await page(postgres, **asked, **cursor, limit=limit)
        found += more[:limit]
        if len(more) <= limit:
            return found
        cursor = {"cursor": more[limit - 1].encode()}
    raise AssertionError("it never ends")


def some(city: City, count: int) -> list[Entry]:
    chosen = random.Random(CHANCE)  # noqa: S311  # no secret
    return chosen.sample(sorted(city.entries.values(), key=lambda entry: entry.order), count)


async def test_every_stop_is_found_by_its_own_name(city: City, postgres: Database) -> None:
    for entry in some(city, 100):
        for name in entry.names:
            found = await every_page(postgres, 100, q=name)
            assert entry.order[2] in {position.stop_id for position in found}


async def test_every_stop_is_found_first_by_its_own_code(city: City, postgres: Database) -> None:
    coded = [entry for entry in some(city, 300) if entry.codes]
    assert len(coded) > 50
    for entry in coded:
        for code in entry.codes:
            found = await page(postgres, q=code)
            exact = [position.stop_id for position in found if position.tier == 0]
            assert entry.order[2] in exact
            assert [position.stop_id for position in found][: len(exact)] == exact


def misspelled(word: str, chance: random.Random) -> str:
    at, letter = chance.randrange(len(word) - 1), chance.choice("abcdefghijklmnoprstuwyz")
    return chance.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at:],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )


async def test_a_typo_in_a_word_still_finds_it_among_the_first_ten(
    city: City, postgres: Database
) -> None:
    chance, tried = random.Random(CHANCE), 0  # noqa: S311  # no secret
    for entry in some(city, 150):
        for name in sorted(entry.names)[:1]:
            long = [word for word in words(name) if len(word) >= 5 and word.isalpha()]
            if not long:
                continue
            word = chance.choice(long)
            typed = name.replace(word, misspelled(word, chance), 1)
            found = await page(postgres, q=typed, limit=10)
            names = {n for p in found[:10] for n in city.entries[p.stop_id].names}
            assert name in names, typed
            tried += 1
    assert tried > 80


def questions(city: City) -> list[str]:
    chance = random.Random(CHANCE)  # noqa: S311  # no secret
    names = [name for entry in some(city, 40) for name in sorted(entry.names)[:1]]
    begun = [name[: chance.randint(1, 12)] for name in names]
    pairs = [" ".join(w[: chance.randint(1, 4)] for w in words(name)[::-1]) for name in names]
    return sorted({"st", "s", "14 st", "station", "av", *names[:5], *begun, *pairs} - {""})


async def test_what_is_found_and_its_order_are_those_of_an_obvious_search(
    city: City, postgres: Database
) -> None:
    for q in questions(city):
        expected = sorted(
            (tier, *entry.order)
            for entry in city.entries.values()
            if (tier := entry.tier(q)) is not None
        )
        found = await every_page(postgres, 100, q=q)
        told = [(p.tier, p.rank, p.name, p.stop_id) for p in found]
        assert told[: len(expected)] == expected, q
        for position in found[len(expected) :]:
            entry = city.entries[position.stop_id]
            assert position.tier in {4, 5}
            for typed in words(fold(q)):
                near = [w for w in entry.words if w.startswith(typed) or is_nearly(typed, w)]
                far = [w for w in entry.words if typed in w or begins_nearly(typed, w)]
                assert near if position.tier == 4 else near or far, (q, position)
        assert len({position.stop_id for position in found}) == len(found)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"q": "s"},
        {"q": "av st"},
        {"q": "statoin"},
        {"q": "14"},
        {"lat": 27.95, "lon": -82.46, "radius": 5000},
        {"lat": 40.75, "lon": -73.99, "radius": 100_000, "q": "st"},
        {"lat": 40.75, "lon": -73.99, "radius": 100_000, "q": "statoin"},
    ],
)
async def test_pages_of_any_size_give_every_result_once_in_order(
    city: City, postgres: Database, asked: dict[str, Any]
) -> None:
    whole = await every_page(postgres, 100, **asked)
    assert whole == sorted(whole)
    assert len({position.stop_id for position in whole}) == len(whole) > 0
    assert await every_page(postgres, 13, **asked) == whole
    if not asked:
        assert len(whole) == len(city.entries)


async def test_all_within_the_radius_are_found(city: City, postgres: Database) -> None:
    place = {"lat": 27.95, "lon": -82.46}
    near = await every_page(postgres, 100, **place, radius=800)
    far = await every_page(postgres, 100, **place, radius=30_000)
    assert [p for p in far if p.distance <= 800] == near
    assert 0 < len(near) < len(far) < len(city.entries)
