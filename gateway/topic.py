"""A followed stop: its board as a snapshot and the patches since, and who follows it.

No I/O here: the Hub brings messages, the Fetcher brings boards.
"""

import asyncio
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING

from gateway.event import Event
from schemas import frames
from schemas.stored_board import Message, StoredBoard

if TYPE_CHECKING:  # a Subscriber knows its topics
    from gateway.subscriber import Subscriber


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
        "lineage",
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
        self.lineage = 0  # of a feed that began anew: versions from there on are newer than ours
        self.subscribers: set[Subscriber] = set()
        self.holds = 0  # streams that use it, those still waiting for `known` included
        self.lingering: asyncio.TimerHandle | None = None

    @property
    def overfull(self) -> bool:
        """The tail is past its bound: a joiner would rather have a fresh snapshot."""
        return len(self.tail) > self.max_patches or self.tail_bytes > self.max_bytes

    @property
    def needs_board(self) -> bool:
        return self.state is State.FETCHING or self.behind or self.overfull or self.lineage > 0

    def events(self) -> list[Event]:
        """What brings a newcomer up to date."""
        return [self.base, *self.tail]

    def apply(self, message: Message) -> Event | None:
        """Take a message in; the event for the subscribers, None: nothing new, or `behind`."""
        if not self._is_newer(message.version):
            return None
        if message.prev == 0:
            self._stand(Event(message.version, message.frame))
            return self.base
        if self.state is not State.LIVE or message.prev != self.version:
            self.behind = True
            return None
        event = Event(message.version, message.frame)
        self.version = message.version
        self.tail.append(event)
        self.tail_bytes += len(event.frame)
        return event

    def fetched(self, board: StoredBoard | None) -> list[Event]:
        """Take in what Redis holds; the events that the subscribers do not have yet."""
        behind, self.behind = self.behind, False
        if board is None:
            # A live board does not end by its absence: Redis may have been emptied (see `retire`).
            return self.retire() if self.state is State.FETCHING else []
        if board.version == self.version:
            self.lineage = 0
        if self.state is State.LIVE and (behind or self.lineage) and self._is_newer(board.version):
            return self._heal(board)
        if self.state is not State.LIVE:
            self._stand(*(Event(*event) for event in board.events))
            return self.events()
        if self.base.version < board.events[0][0] and board.version <= self.version:
            self._rebase(board)
        # Older than ours: Redis lost writes, the owner will publish again. Newer, but no message
        # was missed: it is on its way.
        return []

    def _heal(self, board: StoredBoard) -> list[Event]:
        """Messages were missed: the patches since, if Redis has them all, else all there is."""
        versions = [version for version, _ in board.events]
        if self.version not in versions:
            self._stand(*(Event(*event) for event in board.events))
            return self.events()
        missed = [Event(*event) for event in board.events[versions.index(self.version) + 1 :]]
        self.version = board.version
        self._follow([*self.tail, *missed])
        return missed

    def restart(self, lineage: int) -> None:
        """Redis lost writes of the feed; its owner publishes anew from this version on.

        That may be lower than ours: another owner gave it, by another clock.
        """
        self.lineage = lineage

    def _is_newer(self, version: int) -> bool:
        anew = 0 < self.lineage <= version
        return version != self.version if anew else version > self.version

    def retire(self) -> list[Event]:
        """The stop has no board (any more)."""
        if self.state is State.GONE:
            return []
        self._stand(Event(self.version, frames.gone(self.stop_id)))
        return [self.base]

    def _stand(self, base: Event, *tail: Event) -> None:
        """Begin anew with a frame that needs nothing before it: a snapshot, or `gone`."""
        gone = base.name == "gone"
        self.state = State.GONE if gone else State.LIVE
        self.version = tail[-1].version if tail else base.version
        self.base = Event(0, base.frame) if gone else base
        self._follow(tail)
        self.behind = False
        self.lineage = 0
        self.known.set()

    def _rebase(self, board: StoredBoard) -> None:
        first, *patches = board.events
        ours = [event for event in self.tail if event.version > board.version]
        self.base = Event(*first)
        self._follow([*(Event(*patch) for patch in patches), *ours])

    def _follow(self, tail: Iterable[Event]) -> None:
        self.tail = list(tail)
        self.tail_bytes = sum(len(event.frame) for event in self.tail)
