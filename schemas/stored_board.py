"""A board as it stands in Redis, and what is published when it changes. Pure."""

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

import orjson

from schemas import frames, keys, merge_patch
from schemas.arrivals import Board


class StoredBoard(NamedTuple):
    """A board as it stands: a finished snapshot frame and the finished patches since.

    `events` are versions and frames, ascending; the first is the snapshot.
    """

    events: tuple[tuple[int, bytes], ...]

    @classmethod
    def decode(cls, stored: Mapping[bytes, bytes]) -> "StoredBoard | None":
        """None: there is no board."""
        if b"base" not in stored:
            return None
        base = int(stored[b"base"])
        patches = sorted((int(name), stored[name]) for name in stored if name.isdigit())
        return cls(((base, stored[b"frame"]), *(patch for patch in patches if patch[0] > base)))

    @property
    def version(self) -> int:
        return self.events[-1][0]

    def json(self) -> bytes:
        """The board as JSON text: what `events` come to."""
        (_, snapshot), *patches = self.events
        return orjson.dumps(self.board()) if patches else frames.data(snapshot)

    def board(self) -> Board:
        """What `events` come to."""
        first, *patches = (orjson.loads(frames.data(frame)) for _, frame in self.events)
        board: Board = reduce(merge_patch.apply, patches, first)
        return board


class Publication(NamedTuple):
    """One changed board. `prev` is the version that `frame` patches; None: `frame` is a snapshot.

    `snapshot` is stored in the place of what stands; None: `frame` is stored behind it.
    """

    stop_id: str
    prev: int | None
    version: int
    snapshot: bytes | None
    frame: bytes

    @property
    def arguments(self) -> tuple[str | int | bytes, ...]:
        """As publish.lua takes them."""
        channel = keys.channel(self.stop_id)
        if self.prev is None:
            return channel, b"", self.version, self.frame, b""
        return channel, self.prev, self.version, self.snapshot or b"", self.frame


class Message(NamedTuple):
    """What followers of a stop receive. `prev` 0: the frame needs nothing before it."""

    prev: int
    version: int
    fence: int
    frame: bytes

    def encode(self) -> bytes:
        return b"%d %d %d\n%b" % self

    @classmethod
    def decode(cls, data: bytes) -> "Message":
        head, _, frame = data.partition(b"\n")
        prev, version, fence = map(int, head.split())
        return cls(prev, version, fence, frame)
