"""Nothing but a DecodeError comes of any bytes: the finds of bench/fuzz.py, replayed."""

from pathlib import Path

import pytest

from tests.fuzz_targets import TARGETS

FINDS = sorted((Path(__file__).parents[1] / "fixtures" / "fuzz").glob("*/*.pb"))


def test_there_are_finds() -> None:
    assert FINDS


@pytest.mark.parametrize("find", FINDS, ids=lambda find: f"{find.parent.name}-{find.stem}")
def test_a_find_of_the_fuzzer_raises_no_more(find: Path) -> None:
    TARGETS[find.parent.name](find.read_bytes())
