"""A stream that is drawn: what plain curl shows in a terminal."""

from typing import Any

from gateway.coding import chunk
from gateway.subscriber import Subscriber
from gateway.topic import Topic
from gateway.watch.ansi import CLEAR
from gateway.watch.drawing import FeedTold, Size
from gateway.watch.pictures import picture
from schemas.events import GoodbyeReason

_UNKNOWN = FeedTold("unknown", 0, 0)


class Watcher(Subscriber):
    """A Subscriber of one stop that gets a picture wherever others get events.

    So all that bounds a stream bounds it too. A picture is made when it is written, not when
    something was told: a slow terminal gets the newest, and countdowns move with the heartbeat.
    """

    __slots__ = ("size",)

    def __init__(self, *given: Any, size: Size, **named: Any) -> None:
        super().__init__(*given, **named)
        self.size = size

    def flush(self) -> None:
        """Draw once what this turn brought."""
        if self.pending:
            self.pending[:] = [self._picture()]
        super().flush()

    def tell(self, data: bytes) -> None:  # noqa: ARG002  # a heartbeat, for others
        """Draw, since time has passed."""
        super().tell(self._picture())

    def tell_feeds(self) -> None:
        """Draw: a feed has another status."""
        self.tell(b"")

    async def begin(self) -> None:
        await self.catch_up(CLEAR.encode())

    async def catch_up(self, head: bytes) -> None:
        """Draw; one picture is all that can be lacking."""
        if await self._drained():
            self.lacks = None
            self.transport.write(self._picture(head))

    def _farewell(self, reason: GoodbyeReason) -> bytes:
        return f"\nThe gateway ends this ({reason}). Ask again to go on.\n".encode()

    def _picture(self, head: bytes = b"") -> bytes:
        topic: Topic = self.topics[0]
        frames = tuple(event.frame for event in topic.events())
        told = self.hub.feeds.told(self.feeds[0])
        feed = FeedTold(**told) if told else _UNKNOWN
        return chunk(head + picture(topic.stop_id, frames, feed, self.size))
