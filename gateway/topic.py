"""A followed stop: its board as a snapshot and the patches since, and who follows it.

No I/O here: the Hub brings messages, the Fetcher brings boards.
"""

import asyncio
from enum import Enum
from typing import TYPE_CHECKING

from gateway.event import Event
from schemas import frames
from schemas.live import Message, StoredBoard

if TYPE_CHECKING:  # a Subscriber knows its topics
    from gateway.subscriber import Subscriber

_GONE = b"event: gone\n"


class State(Enum):
    """What is known of a stop."""

    FETCHING = "fetching"
    LIVE = "live"
    GONE = "gone"  # without a board: left the schedule, or never was in it


class Topic:
    """State, base snapshot, tail of patches, latest version, Subscribers."""

    __slots__ = (
        "base",
        "behind",
        "holds",
        "known",
        "lingering",
        "max_bytes",
        "max_patches",
        "state",
        "stop_id",
        "subscribers",
        "tail",
        "tail_bytes",
        "version",
    )

    def __init__(self, stop_id: str, max_patches: int, max_bytes: int) -> None:
        self.stop_id = stop_id
        self.max_patches = max_patches
        self.max_bytes = max_bytes
        self.state = State.FETCHING
        self.known = asyncio.Event()  # set once it is not FETCHING any more, for good
        self.version = 0
        self.base = Event(0, b"")
        self.tail: list[Event] = []
        self.tail_bytes = 0
        self.behind = False  # a message was missed: what Redis holds replaces what stands here
        self.subscribers: set[Subscriber] = set()
        self.holds = 0  # streams that use it, those still waiting for `known` included
        self.lingering: asyncio.TimerHandle | None = None

    @property
    def overfull(self) -> bool:
        """The tail is past its bound: a joiner would rather have a fresh snapshot."""
        return len(self.tail) > self.max_patches or self.tail_bytes > self.max_bytes

    @property
    def needs_board(self) -> bool:
        return self.state is State.FETCHING or self.behind or self.overfull

    def events(self) -> list[Event]:
        """What brings a newcomer up to date."""
        return [self.base, *self.tail]

    def apply(self, message: Message) -> Event | None:
        """Take a message in; the event for the subscribers, None: nothing new, or `behind`."""
        if message.version <= self.version:
            return None
        if message.prev == 0:
            return self._stand(message.version, message.frame)
        if self.state is not State.LIVE or message.prev != self.version:
            self.behind = True
            return None
        event = Event(message.version, message.frame)
        self.version = message.version
        self.tail.append(event)
        self.tail_bytes += len(event.frame)
        return event

    def fetched(self, board: StoredBoard | None) -> Event | None:
        """Take in what Redis holds; the event for the subscribers, None: they have it already."""
        behind, self.behind = self.behind, False
        if board is None:
            # A live board does not end by its absence: Redis may have been emptied (see `retire`).
            return self.retire() if self.state is State.FETCHING else None
        if self.state is not State.LIVE or (behind and board.version > self.version):
            return self._stand(board.version, board.frame)
        if self.base.version < board.version <= self.version:
            self._rebase(board)
        # Older than ours: Redis lost writes, the owner will publish again. Newer, but no message
        # was missed: it is on its way.
        return None

    def retire(self) -> Event | None:
        """The stop has no board (any more)."""
        if self.state is State.GONE:
            return None
        return self._stand(self.version, frames.gone(self.stop_id))

    def _stand(self, version: int, frame: bytes) -> Event:
        """Begin anew with a frame that needs nothing before it: a snapshot, or `gone`."""
        gone = frame.startswith(_GONE)
        self.state = State.GONE if gone else State.LIVE
        self.version = version
        self.base = Event(0 if gone else version, frame)
        self.tail = []
        self.tail_bytes = 0
        self.behind = False
        self.known.set()
        return self.base

    def _rebase(self, board: StoredBoard) -> None:
        self.base = Event(board.version, board.frame)
        self.tail = [event for event in self.tail if event.version > board.version]
        self.tail_bytes = sum(len(event.frame) for event in self.tail)
