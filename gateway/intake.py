"""A server's connections that are sending a request or have nothing to do, the longest first."""

import asyncio
import resource
import sys
from collections import OrderedDict
from itertools import takewhile
from typing import Protocol

import structlog

from gateway.answer_headers import AnswerHeaders
from gateway.counts import Counts

log = structlog.get_logger()

# Seconds from the first byte of a request (of a connection: from its beginning) to its last one,
# however they trickle. Less than ten with ticks of the server (0.1 s) that come late.
PATIENCE = 9.0
# Open files that connections leave: for Redis, Postgres and ourselves, and for what the kernel accepts
# before we see it.
RESERVE = 256
# Seconds between two warnings that there is no room.
QUIET = 60.0


def places() -> int:
    """Connections that there is room for, by the process's limit of open files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return limit - min(RESERVE, limit // 4)


class Connection(Protocol):
    """As much of gateway/protocol.py as is asked for here."""

    transport: asyncio.Transport


class Intake:
    """Connections that owe a request, or the rest of one, and those of which nothing is asked."""

    def __init__(self, counts: Counts, headers: AnswerHeaders) -> None:
        self.counts = counts
        self.headers = headers
        self.places = places()
        self._idle: OrderedDict[Connection, None] = OrderedDict()  # the longest first
        self._warned = -QUIET
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

    # -- room for new ones -------------------------------------------------------------------------

    def rest(self, connection: Connection) -> None:
        """Nothing is asked of it: it is new, or its last answer is complete."""
        self._idle[connection] = None

    def wake(self, connection: Connection) -> None:
        """A request has begun, or it has ended."""
        self._idle.pop(connection, None)

    def make_room(self, now: float) -> None:
        """For the connection that has just come: who has been idle for longest leaves, or itself.

        Whoever kept connections without use would shut everybody out else, unseen: the kernel's
        limit of open files resets new ones, and nothing is logged.
        """
        connection, _ = self._idle.popitem(last=False)
        self.counts.crowded_out += 1
        connection.transport.abort()
        if now - self._warned >= QUIET:
            self._warned = now
            log.warning("connections_full", places=self.places, closed=self.counts.crowded_out)
