"""Screenshots as PNG files of 256 colours: a third of the bytes, and nobody sees it."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

COLORS = 256

Colors = npt.NDArray[np.int64]
"""Red, green and blue along the last axis."""


def png(pixels: bytes, width: int) -> bytes:
    """A PNG file of opaque pixels, four bytes (RGBA) each, row by row from the top."""
    rgb = np.frombuffer(pixels, np.uint8).reshape(-1, 4)[:, :3].astype(np.int64)
    codes, where, counts = np.unique(
        rgb @ (1 << 16, 1 << 8, 1), return_inverse=True, return_counts=True
    )
    colors = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    palette = _palette(colors, counts)
    rows = np.pad(_nearest(colors, palette)[where].reshape(-1, width), ((0, 0), (1, 0)))
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", head),
            (b"PLTE", palette.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),  # each row begins with its filter: none
            (b"IEND", b""),
        )
    )


def _palette(colors: Colors, counts: npt.NDArray[np.int64]) -> Colors:
    """The most frequent colour, then again and again the one that is missed most."""
    chosen = [int(counts.argmax())]
    missed = _distance(colors, colors[chosen[0]])
    while len(chosen) < COLORS and missed.any():
        chosen.append(int((missed * counts).argmax()))
        missed = np.minimum(missed, _distance(colors, colors[chosen[-1]]))
    return colors[chosen]


def _nearest(colors: Colors, palette: Colors) -> npt.NDArray[np.uint8]:
    """For each of the colours, the place of the most similar one in the palette."""
    places: npt.NDArray[np.int64] = _distance(colors[:, None], palette[None]).argmin(axis=1)
    return places.astype(np.uint8)


def _distance(one: Colors, other: Colors) -> Colors:
    """Squared, as colours are told by numbers and not as they are seen: near enough."""
    difference: Colors = ((one - other) ** 2).sum(axis=-1)
    return difference


def _chunk(kind: bytes, data: bytes) -> bytes:
    """PNG (third edition), 5.3: length, type, data and the CRC of the latter two."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
