"""A stream as its client reads it: bytes in, events out, and the boards that they add up to.

The other side of schemas/frames.py; docs/protocol.md is the contract between the two.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import orjson

from schemas import merge_patch

# Seconds without a byte, after which a connection is dead: heartbeats come every 15 s.
SILENCE = 40.0
# Refusals that are worth another try, as all of the server's faults are; others stay what they are.
PASSING = {408, 429}  # Request Timeout, Too Many Requests


class Event(NamedTuple):
    """An event with its data out of JSON."""

    name: str
    data: Any
    id: str | None


class EventReader:
    """Takes a stream's bytes in any pieces; keeps the last id and delay, as an EventSource does.

    `loads` reads the data: clients of one process may share what they read, since nobody changes it.
    """

    def __init__(self, loads: Callable[[bytes], Any] = orjson.loads) -> None:
        self.last_id: str | None = None
        self.retry: int | None = None  # milliseconds
        self._loads = loads
        self._rest = b""

    def resumed(self) -> Self:
        """For the next connection: half an event of the last is none; the id and the delay stay."""
        reader = type(self)(self._loads)
        reader.last_id, reader.retry = self.last_id, self.retry
        return reader

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that are complete by now.

        Raises:
            ValueError: not what docs/protocol.md describes.
        """
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            if (event := self._read(block)) is not None:
                yield event

    def _read(self, block: bytes) -> Event | None:
        fields: dict[bytes, bytes] = {}
        for line in block.split(b"\n"):
            name, _, value = line.partition(b":")
            fields[name] = value.removeprefix(b" ")
        if b"retry" in fields:
            self.retry = int(fields[b"retry"])
        number = fields[b"id"].decode() if b"id" in fields else None
        self.last_id = number or self.last_id
        if b"data" not in fields:  # such a block is not dispatched
            return None
        kind = fields.get(b"event", b"message").decode()
        return Event(kind, self._loads(fields[b"data"]), number)


def fold(boards: dict[str, Any], event: Event) -> None:
    """What an event makes of a client's boards; a board is replaced, never changed."""
    data = event.data
    if event.name == "snapshot":
        boards[data["stop_id"]] = data
    elif event.name == "patch":
        boards[data["stop_id"]] = merge_patch.apply(boards.get(data["stop_id"]), data)
    elif event.name == "gone":
        boards.pop(data["stop_id"], None)
