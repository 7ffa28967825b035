"""A server's connections of which nothing is asked, and the room that they leave for new ones."""

import resource
import sys
from collections import OrderedDict

import structlog

from gateway.counts import Counts
from gateway.intake import Connection

log = structlog.get_logger()

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


class Idle:
    """Connections that are new, or whose last answer is complete."""

    def __init__(self, counts: Counts) -> None:
        self.places = places()  # of all connections, idle or not
        self._counts = counts
        self._connections: OrderedDict[Connection, None] = OrderedDict()  # the longest first
        self._warned = -QUIET

    def rest(self, connection: Connection) -> None:
        """Nothing is asked of it."""
        self._connections[connection] = None

    def wake(self, connection: Connection) -> None:
        """A request has begun, or it has ended."""
        self._connections.pop(connection, None)

    def make_room(self, now: float) -> None:
        """For the connection that has just come: who has been idle for longest leaves, or itself.

        Whoever kept connections without use would shut everybody out else, unseen: the kernel's
        limit of open files resets new ones, and nothing is logged.
        """
        connection, _ = self._connections.popitem(last=False)
        self._counts.crowded_out += 1
        connection.transport.abort()
        if now - self._warned >= QUIET:
            self._warned = now
            log.warning("connections_full", places=self.places, closed=self._counts.crowded_out)
