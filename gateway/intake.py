"""A server's connections that are sending a request, the longest first."""

import asyncio
from itertools import takewhile
from typing import Protocol

from gateway.answer_headers import AnswerHeaders
from gateway.counts import Counts

# Seconds from the first byte of a request (of a connection: from its beginning) to its last one,
# however they trickle. Less than ten with ticks of the server (0.1 s) that come late.
PATIENCE = 9.0


class Connection(Protocol):
    """As much of gateway/protocol.py as is asked for here."""

    transport: asyncio.Transport


class Intake:
    """Connections that owe a request, or the rest of one."""

    def __init__(self, counts: Counts, headers: AnswerHeaders) -> None:
        self.counts = counts
        self.headers = headers
        self._since: dict[Connection, float] = {}  # in this order

    def begin(self, connection: Connection, now: float) -> None:
        """It owes a request from now on, unless it owed one already."""
        self._since.setdefault(connection, now)

    def end(self, connection: Connection) -> None:
        """It owes nothing."""
        self._since.pop(connection, None)

    def overdue(self, now: float) -> list[Connection]:
        """Whoever has owed one for too long; a look at these and one more."""
        old = takewhile(lambda since: now - since[1] >= PATIENCE, self._since.items())
        return [connection for connection, _ in old]
