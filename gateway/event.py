"""One SSE event as ready-made HTTP chunks: the same bytes for every stream that gets it."""

from schemas import frames


def chunk(data: bytes) -> bytes:
    """HTTP/1.1 chunked transfer coding of `data` (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Event:
    """A frame of a board, encoded when first needed: with its id, and without.

    Version 0 is no version: the event has no id (`gone`).
    """

    __slots__ = ("_bare", "_numbered", "frame", "version")

    def __init__(self, version: int, frame: bytes) -> None:
        self.version = version
        self.frame = frame
        self._bare: bytes | None = None
        self._numbered: bytes | None = None

    @property
    def bare(self) -> bytes:
        if self._bare is None:
            self._bare = chunk(self.frame)
        return self._bare

    @property
    def numbered(self) -> bytes:
        if self.version == 0:
            return self.bare
        if self._numbered is None:
            self._numbered = chunk(frames.with_id(self.version, self.frame))
        return self._numbered
