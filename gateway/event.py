"""One SSE event as ready-made HTTP chunks: the same bytes for every stream that gets it."""

from collections.abc import Sequence

from gateway.coding import Coding, chunk
from schemas import frames


class Event:
    """A frame of a board, encoded when first needed: with its id or without, in each coding.

    Version 0 is no version: the event has no id (`gone`).
    """

    __slots__ = ("_chunks", "frame", "version")

    def __init__(self, version: int, frame: bytes) -> None:
        self.version = version
        self.frame = frame
        self._chunks: dict[tuple[Coding, bool], bytes] = {}

    @property
    def name(self) -> str:
        """`snapshot`, `patch` or `gone`."""
        return frames.name(self.frame)

    def chunk(self, coding: Coding, *, numbered: bool) -> bytes:
        """With its id if `numbered`."""
        form = coding, numbered and self.version != 0
        made = self._chunks.get(form)
        if made is None:
            frame = frames.with_id(self.version, self.frame) if form[1] else self.frame
            made = self._chunks[form] = chunk(coding.encode(frame))
        return made


class Batch(dict[Coding, bytes]):
    """Events in one piece, in each coding that a stream asks for."""

    def __init__(self, events: Sequence[Event], *, numbered: bool) -> None:
        self._events = events
        self._numbered = numbered

    def __missing__(self, coding: Coding) -> bytes:
        self[coding] = data = b"".join(
            event.chunk(coding, numbered=self._numbered) for event in self._events
        )
        return data
