"""Entries of a search: a station with its platforms, in the order in which they are listed."""

import pytest

from schemas.search import entries as module
from schemas.search.entries import TAIL, StoredStop, entries


def stop(stop_id: str, name: str | None = None, **others: object) -> StoredStop:
    known = {"code": None, "location_type": 0, "station": None, "lat": 1.0, "lon": 2.0, "routes": 0}
    return StoredStop(stop_id, name, **{**known, **others})  # type: ignore[arg-type]  # by name


def test_a_platform_is_a_part_of_its_stations_entry() -> None:
    found, words = entries(
        "demo",
        [stop("p", "Bay 7", code="B7", station="s"), stop("s", "Ábc", location_type=1)],
    )
    (entry,) = found
    assert (entry.stop_id, entry.name, entry.location) == ("demo:s", "abc", "(2.0,1.0)")
    assert set(entry.words.split("' '")) >= {"#b7", "ab", "b7", "ba"}
    assert "'=bay 7'" in entry.words
    assert "'=abc'" in entry.words
    assert words == []


def test_stations_come_first_then_those_of_most_routes_then_by_name() -> None:
    found, _ = entries(
        "demo",
        [
            stop("a", "Alpha"),
            stop("b", "Beta", routes=3),
            stop("z", "Zeta", location_type=1),
            stop("c", "álpha"),
            stop("m", "Mu", location_type=1, routes=100_000),
            stop("n", None, routes=1),
        ],
    )
    ids = ["m", "z", "b", "n", "a", "c"]
    assert [entry.stop_id for entry in found] == [f"demo:{stop_id}" for stop_id in ids]
    order = [(entry.rank, entry.name, entry.stop_id) for entry in found]
    assert order == sorted(order)
    assert 0 <= order[0][0] <= order[-1][0] < TAIL


def test_what_is_behind_the_head_ranks_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD", 2)
    found, _ = entries("demo", [stop(f"{n}", "X", routes=5 - n) for n in range(5)])
    assert [entry.rank >= TAIL for entry in found] == [False, False, True, True, True]
    assert [entry.rank for entry in found] == sorted(entry.rank for entry in found)


def test_a_word_that_is_looked_for_loosely_knows_in_how_many_entries_it_is() -> None:
    _, words = entries("demo", [stop("a", "Town Town Mill 1234"), stop("b", "Old Town")])
    assert {word.word: word.entries for word in words} == {"town": 2, "mill": 1}


def test_signs_are_written_as_postgres_reads_them() -> None:
    found, _ = entries("demo", [stop("a", "'\\\"{,")])
    assert found[0].words.startswith("'=''\\\\\"{,' '''\\\\\"{,.' '''' '''\\\\' ")


def test_a_words_keys_are_what_finds_it() -> None:
    _, words = entries("demo", [stop("a", "Mill")])
    assert words[0].keys == '{".ill",".mil","ill","mil","mill","mll"}'
