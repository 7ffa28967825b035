"""bench/pictures: it still finds on the page what it is to show."""

import struct
from collections.abc import Callable

import pytest

from bench.pictures.__main__ import HEAVY, IMAGES, PICTURES, taken


def size(png: bytes) -> tuple[int, ...]:
    return struct.unpack_from(">II", png, 16)


async def test_the_pictures_can_be_taken(program: Callable[[str], str]) -> None:
    program("chromium")
    for name, png in (await taken(list(PICTURES))).items():
        picture = PICTURES[name]
        assert size(png) == (picture.width * picture.scale, picture.height * picture.scale)
        assert len(png) < HEAVY


@pytest.mark.parametrize("name", PICTURES)
def test_those_of_the_readme_are_such(name: str) -> None:
    png = (IMAGES / f"{name}.png").read_bytes()
    picture = PICTURES[name]
    assert size(png) == (picture.width * picture.scale, picture.height * picture.scale)
    assert len(png) < HEAVY
