"""Text for terminals: what a feed says made harmless, cut to cells, and painted (ECMA-48).

Nothing here outlasts its line: who interrupts curl gets a terminal back as it was.
"""

import re
from functools import lru_cache
from unicodedata import category, east_asian_width

RESET = "\x1b[0m"
BOLD, DIM, STRUCK = "1", "2", "9"
RED, GREEN, YELLOW = "31", "32", "33"

CLEAR = "\x1b[2J"
HOME = "\x1b[H"
END_OF_LINE = "\x1b[K\n"
END_OF_SCREEN = "\x1b[J"

_PAINT = re.compile("\x1b\\[[0-9;]*m")
_COLOUR = re.compile("[0-9A-Fa-f]{6}")
# What the cube of xterm's 256 colours has of each primary.
_LEVELS = (0, 95, 135, 175, 215, 255)
# Above this luminance black is easier to read than white (WCAG 2.2: equal contrast with both).
_BRIGHT = 0.179


def clean(text: str) -> str:
    """One line without control and format characters: a feed must not steer a terminal."""
    if text.isascii() and text.isprintable():
        return text.strip()
    kept = (" " if char.isspace() else char for char in text)
    return "".join(char for char in kept if category(char)[0] != "C").strip()


def cells(text: str) -> int:
    """How many cells a terminal takes for it (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if category(char) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(char) in {"W", "F"} else 1


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly so many cells: cut with an ellipsis, or filled with spaces."""
    if cells(text) > width:
        text = _cut(text, width - 1) + "…"
    filling = " " * (width - cells(text))
    return filling + text if right else text + filling


def _cut(text: str, width: int) -> str:
    taken = 0
    for place, char in enumerate(text):
        taken += _cells(char)
        if taken > width:
            return text[:place]
    return text


def paint(text: str, *codes: str) -> str:
    """`text` with these codes of Select Graphic Rendition."""
    return f"\x1b[{';'.join(codes)}m{text}{RESET}" if codes and text else text


def unpainted(text: str) -> str:
    """What was painted, without its colours."""
    return _PAINT.sub("", text)


@lru_cache(maxsize=1024)  # few routes, each on many lines
def badge(text: str, colour: str) -> str:
    """Black or white on an agency's colour (six hexadecimal digits), whichever is easier to read.

    Out of xterm's 256 colours, since not every terminal has more and curl cannot ask.
    """
    if not _COLOUR.fullmatch(colour):
        return paint(text, BOLD)
    red, green, blue = (_nearest(int(colour[place : place + 2], 16)) for place in (0, 2, 4))
    cube = 16 + 36 * red + 6 * green + blue
    parts = zip((0.2126, 0.7152, 0.0722), (red, green, blue), strict=True)
    luminance = sum(weight * (_LEVELS[level] / 255) ** 2.2 for weight, level in parts)
    ink = 16 if luminance > _BRIGHT else 231
    return paint(text, f"38;5;{ink}", f"48;5;{cube}")


def _nearest(value: int) -> int:
    return min(range(len(_LEVELS)), key=lambda level: abs(_LEVELS[level] - value))
