"""bench/pictures/palette.py: what is written is the picture, or as near as 256 colours come."""

import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest

from bench.pictures.palette import COLORS, png

Pixels = npt.NDArray[np.uint8]


def read(file: bytes) -> Pixels:
    """The red, green and blue of each pixel; only of files like ours."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", file, at + 8 + length) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 3, 0, 0, 0]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    colors: Pixels = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[rows[:, 1:]]
    return colors


def with_alpha(rgb: Pixels) -> bytes:
    return np.pad(rgb, ((0, 0), (0, 0), (0, 1)), constant_values=255).tobytes()


@pytest.mark.parametrize("colors", [1, 2, COLORS])
def test_few_colours_stay_what_they_are(colors: int) -> None:
    chance = np.random.default_rng(colors)
    palette = chance.integers(0, 256, (colors, 3), np.uint8)
    picture = palette[chance.integers(0, colors, (40, 30))]
    assert np.array_equal(read(png(with_alpha(picture), 30)), picture)


def test_a_rare_colour_that_no_other_is_like_is_kept() -> None:
    """The star of a favourite: some hundred pixels among grey ones that are all a bit different."""
    ramp = np.arange(300 * 400) % 250
    picture = np.stack([ramp, ramp, ramp // 5 * 5 + np.arange(ramp.size) // 400 % 5], -1)
    picture = picture.reshape(300, 400, 3).astype(np.uint8)
    picture[7, 5:8] = (242, 176, 30)
    seen = read(png(with_alpha(picture), 400))
    assert np.array_equal(seen[7, 5:8], picture[7, 5:8])
    assert np.abs(seen.astype(int) - picture).max() <= 10
