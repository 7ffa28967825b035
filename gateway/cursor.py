"""What a client holds when it comes back: "every stop of this stream, as of version C"."""

from collections.abc import Iterable

# Clocks of feeds' owners may differ by this much (microseconds, as versions are).
SKEW = 10_000_000
_DIGITS = 20  # more than any version has


def parse(text: str, now: int, lineages: Iterable[int | None]) -> int | None:
    """The cursor in `text`, None where it is void; all in microseconds.

    Void is what is not ours, of the future, or from before Redis lost writes of one of the feeds
    (a lineage of None: nothing is known of that feed).
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    cursor = int(text)
    known = cursor <= now + SKEW and all(
        lineage is not None and cursor >= lineage for lineage in lineages
    )
    return cursor if known else None


def covers(cursor: int, version: int, *, alone: bool) -> bool:
    """Whether the client certainly holds this version of a board.

    In a stream of several stops the cursor may be another board's version, by another clock.
    """
    return version <= cursor - SKEW or (alone and version == cursor)
