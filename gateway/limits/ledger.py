"""What callers have used of their limits, counted in Redis for all gateways together.

All that is asked in one turn of the loop, or while an answer is on its way, goes in one pipeline.
A gateway tells how many streams of a caller it *holds*, never how many more or fewer, and tells it
again within each lease: so whatever was lost, Redis's too, is right again after one round.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from gateway.limits.caller import Caller, Callers, Limit, Quota, Refusal, Verdict
from gateway.limits.deadline import Deadline
from schemas.commands import Command, Commands, Script
from schemas.shards import Shards

log = structlog.get_logger()

COUNT = Script(Path(__file__).parent / "count.lua")
# Seconds that Redis has to answer, and parts of it.
DEADLINE = 0.25
PARTS = 10
# Seconds for which it is not asked again when it did not.
PAUSE = 1.0
# Tickets, and callers without one, that go together: some milliseconds of work.
TOGETHER = 100
# Seconds between an answer and the next question. A question costs some 70 µs, whoever waits for it,
# and each of them 10 more: so it is asked for several where there are many.
PACE = 0.001
# All callers are told anew in so many steps, within a third of the lease.
STEPS = 20
# Seconds after which a stream that found no place may try again. Places become free when somebody
# leaves, so there is no better answer.
NO_PLACE = 15


class Ticket(NamedTuple):
    """A request that waits for its verdict, and whether it wants to stay as a stream."""

    callers: Callers
    stream: bool
    verdict: asyncio.Future[Verdict]


class Room:
    """What Redis granted to a caller's tickets together; taken by one after the other."""

    __slots__ = ("full", "left", "places", "requests", "wait")

    def __init__(self, requests: int, left: int, wait: int, full: int, places: int) -> None:
        self.requests = requests
        self.left = left
        self.wait = wait  # microseconds, as `full`
        self.full = full
        self.places = places


class Ledger:
    """The callers of this gateway, and what all gateways' callers have used."""

    def __init__(self, shards: Shards, lease: float) -> None:
        """`lease`: seconds for which Redis believes what a gateway tells."""
        self.gateway = secrets.token_hex(8)
        self.lease = lease
        self.uncounted = 0  # requests let through while Redis was away
        self._callers: dict[str, Caller] = {}
        self._batch = shards.batch
        self._commands = Commands(shards, [COUNT])
        self._tickets: deque[Ticket] = deque()
        self._untold: dict[Caller, None] = {}  # whose streams are others than Redis was told
        self._telling: asyncio.Task[None] | None = None
        self._again = 0.0  # loop time before which Redis is not asked
        self._away = False

    def __len__(self) -> int:
        return len(self._callers)

    def caller(self, limit: Limit, name: str) -> Caller:
        """The one object for this caller, whom `ask` is called for next."""
        made = Caller(limit, name)
        return self._callers.setdefault(made.key, made)

    async def ask(self, callers: Callers, *, stream: bool) -> Verdict:
        """Count a request; and a stream, if it is not refused, until `leave`."""
        loop = asyncio.get_running_loop()
        ticket = Ticket(callers, stream, loop.create_future())
        for caller in callers:
            caller.waiting += 1
        if loop.time() < self._again:
            self._admit_unasked([ticket])
            self._forget(callers)
            return None
        self._tickets.append(ticket)
        self._tell()
        try:
            return await ticket.verdict
        except asyncio.CancelledError:
            if stream and _admitted(ticket):
                self.leave(callers)
            raise

    def leave(self, callers: Callers) -> None:
        """A stream has ended. Redis is told with what comes next."""
        for caller in callers:
            caller.streams -= 1
            self._untold[caller] = None

    async def run(self) -> None:
        """Tell Redis of all callers again and again, some at a time."""
        while True:
            callers = list(self._callers.values())
            for step in range(STEPS):
                some = callers[step::STEPS]
                self._untold.update((caller, None) for caller in some if caller.streams)
                self._tell()
                await asyncio.sleep(self.lease / 3 / STEPS)

    async def close(self) -> None:
        """Give all places back: streams have ended, and nobody asks any more."""
        for caller in self._callers.values():
            caller.streams = 0
            self._untold[caller] = None
        self._tell()
        if self._telling is not None:
            await self._telling

    # -- one pipeline after the other ------------------------------------------------------------

    def _tell(self) -> None:
        if self._telling is None and asyncio.get_running_loop().time() >= self._again:
            self._telling = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        try:
            while self._tickets or self._untold:
                await self._tell_some()
                await asyncio.sleep(PACE)
        finally:
            self._telling = None

    async def _tell_some(self) -> None:
        tickets = [self._tickets.popleft() for _ in range(min(TOGETHER, len(self._tickets)))]
        asked: dict[Caller, list[Ticket]] = {}
        for ticket in tickets:
            for caller in ticket.callers:
                asked.setdefault(caller, []).append(ticket)
        for caller in list(islice(self._untold, TOGETHER)):
            asked.setdefault(caller, [])
        for caller in asked:
            self._untold.pop(caller, None)
        held = {caller: caller.streams for caller in asked}
        rooms = await self._rooms(asked)
        if rooms is None:
            self._give_up(tickets, asked)
            return
        for caller, room in rooms.items():
            held[caller] += room.places
        for ticket in tickets:
            gone = ticket.verdict.cancelled()  # its client did not want to wait
            self._answer(ticket, None if gone else self._verdict(ticket, rooms))
        for caller, streams in held.items():
            if caller.streams != streams:  # refused for another reason, or gone by now
                self._untold[caller] = None
        self._forget(asked)

    async def _rooms(self, asked: Mapping[Caller, Sequence[Ticket]]) -> dict[Caller, Room] | None:
        """What each may have; None: Redis did not say."""
        try:
            async with Deadline(DEADLINE, PARTS):
                answers = await self._commands.answers(self._scripts(asked))
        except TimeoutError:
            self._note(f"no answer within {DEADLINE} s")
            return None
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody is refused for it
            self._note(str(error) or repr(error))
            return None
        if self._away:
            self._away = False
            log.info("limits_hold_again")
        numbers = [number for answer in answers for number in answer]
        places = range(0, len(numbers), 5)
        return {
            caller: Room(*numbers[place : place + 5])
            for caller, place in zip(asked, places, strict=True)
        }

    def _scripts(self, asked: Mapping[Caller, Sequence[Ticket]]) -> Iterator[Command]:
        callers = list(asked)
        for start in range(0, len(callers), self._batch):
            some = callers[start : start + self._batch]
            arguments: list[Any] = [self.gateway, round(self.lease * 1_000_000)]
            for caller in some:
                wanted = sum(ticket.stream for ticket in asked[caller])
                requests, streams = caller.limit.requests, caller.limit.streams
                arguments += (len(asked[caller]), requests, caller.streams, wanted, streams)
            yield COUNT([caller.key for caller in some], arguments)

    def _note(self, error: str) -> None:
        self._again = asyncio.get_running_loop().time() + PAUSE
        if not self._away:
            self._away = True
            log.warning("limits_unavailable", error=error)

    # -- verdicts --------------------------------------------------------------------------------

    def _verdict(self, ticket: Ticket, rooms: Mapping[Caller, Room]) -> Verdict:
        """The first refusal, or the quota that is nearest to its end."""
        verdict: Quota | None = None
        for caller in ticket.callers:
            room, limit = rooms[caller], caller.limit
            if room.requests == 0:
                quota = Quota(limit.requests, 0, _seconds(room.full))
                wait = room.wait / 1_000_000
                return Refusal(caller, "requests", quota, max(1, ceil(wait)), wait)
            room.requests -= 1
            if ticket.stream and limit.streams:
                if room.places == 0:
                    quota = Quota(limit.streams, 0, NO_PLACE)
                    return Refusal(caller, "streams", quota, NO_PLACE)
                room.places -= 1
            if limit.requests:
                quota = Quota(limit.requests, room.left + room.requests, _seconds(room.full))
                if verdict is None or quota.remaining < verdict.remaining:
                    verdict = quota
        return verdict

    def _answer(self, ticket: Ticket, verdict: Verdict) -> None:
        for caller in ticket.callers:
            caller.waiting -= 1
        if ticket.verdict.cancelled():
            return
        ticket.verdict.set_result(verdict)
        if ticket.stream and _admitted(ticket):
            for caller in ticket.callers:
                caller.streams += 1

    def _give_up(self, tickets: Sequence[Ticket], asked: Collection[Caller]) -> None:
        """Redis is away: nobody is refused. What was not told is told with the next round."""
        untold, self._untold = self._untold, {}
        waiting = [*tickets, *self._tickets]
        self._tickets.clear()
        self._admit_unasked(waiting)
        self._forget({**dict.fromkeys(asked), **untold})

    def _admit_unasked(self, tickets: Sequence[Ticket]) -> None:
        self.uncounted += len(tickets)
        for ticket in tickets:
            self._answer(ticket, None)

    def _forget(self, callers: Iterable[Caller]) -> None:
        for caller in callers:
            if not (caller.streams or caller.waiting or caller in self._untold):
                self._callers.pop(caller.key, None)


def _admitted(ticket: Ticket) -> bool:
    verdict = ticket.verdict
    return verdict.done() and not verdict.cancelled() and not isinstance(verdict.result(), Refusal)


def _seconds(microseconds: int) -> int:
    return ceil(microseconds / 1_000_000)
