"""Whether what the streams add up to is what the deployment itself says: of one version, one board."""

import asyncio
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.load.deployment import Deployment, LoadError
from gateway.load.follower import Follower

# Seconds for a stream to bring what the deployment already has: then it is not late, it is lost.
PATIENCE = 10.0
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two requests for a stop's board
_AT_ONCE = 8  # requests
_EXAMPLES = 5


@dataclass
class Comparison:
    """Counts of boards: one per stream and stop."""

    right: int = 0
    wrong: int = 0  # the same version, another content
    behind: int = 0  # an older version than the deployment had `PATIENCE` ago, or none
    undecided: int = 0  # its stream was not open, or it changed faster than it could be compared
    examples: list[str] = field(default_factory=list)
    unanswered: str = ""  # why the last board that could not be had could not

    async def run(
        self, deployment: Deployment, followers: Iterable[Follower], stop_ids: Sequence[str]
    ) -> None:
        """Compare every stream's boards of these stops."""
        holders: dict[str, list[Follower]] = {stop_id: [] for stop_id in stop_ids}
        for follower in followers:
            for stop_id in holders.keys() & follower.stop_ids:
                if follower.served:
                    holders[stop_id].append(follower)
        limit = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(
            *(self._stop(deployment, limit, *following) for following in holders.items())
        )

    async def _stop(
        self,
        deployment: Deployment,
        limit: asyncio.Semaphore,
        stop_id: str,
        holders: Sequence[Follower],
    ) -> None:
        first: Any = None
        until = math.inf
        pause = _PAUSE
        pending = list(holders)
        while pending:
            try:
                async with limit:
                    board = await deployment.board(stop_id)
            except LoadError as error:
                self.unanswered = str(error)
                self.undecided += len(pending)
                return
            if until == math.inf:
                first, until = board, time.monotonic() + PATIENCE
            told = _canonical(board)
            pending = [f for f in pending if not self._same(f, stop_id, board, told)]
            if time.monotonic() >= until:
                break
            if pending:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        for follower in pending:
            self._late(follower, stop_id, first)

    def _same(self, follower: Follower, stop_id: str, board: Any, told: bytes) -> bool:
        """Decide about a board, if it can be decided now; `told` is the deployment's as bytes."""
        held = follower.boards.get(stop_id)
        if not follower.open or _version(held) != _version(board):
            return False
        if _canonical(held) == told:
            self.right += 1
        else:
            self.wrong += 1
            place = difference(held, board)
            self._tell(f"{stop_id}, version {_version(board)}: {place}")
        return True

    def _late(self, follower: Follower, stop_id: str, first: Any) -> None:
        held, stood = _version(follower.boards.get(stop_id)), _version(first)
        connection = follower.connection
        young = connection is None or time.time() - connection.answered < PATIENCE
        if young or not follower.open or held >= stood:
            self.undecided += 1
            return
        self.behind += 1
        has = f"version {held}" if held else "no board"
        self._tell(f"{stop_id}: a stream has {has}; {PATIENCE:g} s ago version {stood} stood")

    def _tell(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)


def difference(held: Any, served: Any, path: str = "") -> str:
    """Where two values of JSON first differ."""
    if not (isinstance(held, dict) and isinstance(served, dict)):
        return f"{path or 'the board'} is {_shown(held)}, by the deployment {_shown(served)}"
    for key in sorted(held.keys() | served.keys()):
        if key not in held:
            return f"{path}/{key} is missing"
        if key not in served:
            return f"{path}/{key} is too much"
        if _canonical(held[key]) != _canonical(served[key]):
            return difference(held[key], served[key], f"{path}/{key}")
    return "no difference"


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()[:60]


def _version(board: Any) -> int:
    """0: there is none."""
    return board["version"] if board else 0


def _canonical(board: Any) -> bytes:
    """The order of members says nothing: a patch adds them where it likes."""
    return orjson.dumps(board, option=orjson.OPT_SORT_KEYS)
