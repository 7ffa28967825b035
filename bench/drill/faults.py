"""What can go wrong, one after another or at once, and how it comes right again.

Each fault takes its `seconds` and leaves nothing broken behind; the skewed clock of a process stays
until the schedule is over.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from bench.drill.city import Ill
from bench.drill.process import Process
from bench.drill.redis_server import Kept
from bench.drill.relay import Relay
from bench.drill.world import World

DRAIN = 60.0  # seconds within which a drained gateway has ended
SKEW = 5.0  # seconds
TAKE_OVER = 60.0  # seconds after which nobody waits for the standby any more


class Fault(NamedTuple):
    """`what` happens `at` seconds after the schedule's beginning and lasts for `seconds`.

    `which` picks the rider, process, relay or endpoint that it happens to, `way` among its variants.
    """

    at: float
    what: str
    seconds: float
    which: int
    way: int

    def __str__(self) -> str:
        return (
            f"{self.at:5.1f} s  {self.what} for {self.seconds:.1f} s "
            f"(which {self.which}, way {self.way})"
        )


class Drill:
    """Carries out faults. `take_overs`: seconds from an owner's end to the next one's beginning."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.take_overs: list[float] = []
        self._late: list[tuple[Process, Relay]] = []
        self._writes_late = False
        self._measures: set[asyncio.Task[None]] = set()

    async def run(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        await FAULTS[fault.what](self, fault)

    # -- riders ----------------------------------------------------------------------------------

    async def rider_cut(self, fault: Fault) -> None:
        rider = self.world.riders[fault.which % len(self.world.riders)]
        end = time.monotonic() + fault.seconds
        while time.monotonic() < end:
            rider.cut()
            await asyncio.sleep(0.05 + 0.2 * (fault.way % 4))

    async def rider_frozen(self, fault: Fault) -> None:
        rider = self.world.riders[fault.which % len(self.world.riders)]
        async with rider.busy:
            rider.awake.clear()
            await asyncio.sleep(fault.seconds)
            rider.awake.set()

    async def rider_slow(self, fault: Fault) -> None:
        rider = self.world.riders[fault.which % len(self.world.riders)]
        async with rider.busy:
            rider.slow = True
            await asyncio.sleep(fault.seconds)
            rider.slow = False

    # -- gateways --------------------------------------------------------------------------------

    async def gateway_killed(self, fault: Fault) -> None:
        gateway = self.world.gateways[fault.which % 2]
        async with gateway.busy:
            gateway.kill()
            await asyncio.sleep(fault.seconds / 4)
            gateway.start(gateway.skew)
            await self.world.ready(gateway)

    async def gateway_drained(self, fault: Fault) -> None:
        gateway = self.world.gateways[fault.which % 2]
        async with gateway.busy:
            await gateway.drain(DRAIN)
            gateway.start(gateway.skew)
            await self.world.ready(gateway)

    async def listener_deaf(self, fault: Fault) -> None:
        self.world.relays[f"gateway-{fault.which % 2}"].deafen()

    # -- ingesters -------------------------------------------------------------------------------

    def _ingester(self, fault: Fault) -> Process:
        """Mostly the owner: nobody misses a standby."""
        chosen = self.world.ingesters[fault.which % 2]
        return chosen if fault.way % 4 == 0 else self.world.owner() or chosen

    async def ingester_killed(self, fault: Fault) -> None:
        ingester = self._ingester(fault)
        async with ingester.busy:
            self._measure(ingester)
            ingester.kill()
            await asyncio.sleep(fault.seconds)
            ingester.start(ingester.skew)

    async def ingester_frozen(self, fault: Fault) -> None:
        ingester = self._ingester(fault)
        async with ingester.busy:
            self._measure(ingester)
            ingester.freeze()
            await asyncio.sleep(fault.seconds)
            ingester.thaw()

    def _measure(self, owner: Process) -> None:
        """Time the take-over, if there is one."""
        if self.world.redis_busy.locked() or self.world.owner() is not owner:
            return
        task = asyncio.create_task(self._until_taken_over(owner))
        self._measures.add(task)
        task.add_done_callback(self._measures.discard)

    async def _until_taken_over(self, owner: Process) -> None:
        began = time.monotonic()
        while (taken := time.monotonic() - began) < TAKE_OVER:
            if self.world.redis_busy.locked():
                return  # another fault's doing
            if self.world.owner() not in (None, owner):
                self.take_overs.append(taken)
                return
            await asyncio.sleep(0.1)

    # -- Redis -----------------------------------------------------------------------------------

    async def _restart(self, fault: Fault, kept: Kept) -> None:
        async with self.world.redis_busy:
            redis = self.world.redis
            if kept == "old":
                await asyncio.to_thread(redis.dump)
                await asyncio.sleep(fault.seconds)
            await asyncio.to_thread(redis.stop, kept)
            await asyncio.sleep(0.5 * (fault.way % 4))
            await asyncio.to_thread(redis.start)

    async def redis_emptied(self, fault: Fault) -> None:
        await self._restart(fault, "none")

    async def redis_rolled_back(self, fault: Fault) -> None:
        await self._restart(fault, "old")

    async def redis_restarted(self, fault: Fault) -> None:
        await self._restart(fault, "all")

    async def writes_late(self, fault: Fault) -> None:
        """An owner publishes everything again and freezes; its writes come when all is quiet.

        They are whole boards, so that no version forbids them: only the fence of the next owner.
        """
        if self._writes_late:
            return  # once in a schedule: somebody must be there to take over
        self._writes_late = True
        relays = {i: self.world.relays[i.name] for i in self.world.ingesters}
        for relay in relays.values():
            relay.hold(b"event: snapshot")
        await self._restart(fault, "none")
        end = time.monotonic() + TAKE_OVER
        while time.monotonic() < end:
            late = [ingester for ingester, relay in relays.items() if relay.holds]
            if late and self.world.owner() is late[0]:
                async with late[0].busy:
                    late[0].freeze()
                relays[late[0]].hold(b"")  # what it has said is late; what it may say is not
                self._late.append((late[0], relays[late[0]]))
                break
            await asyncio.sleep(0.05)
        for ingester, relay in relays.items():
            if (ingester, relay) not in self._late:
                relay.release()

    async def let_late_writes_come(self) -> int:
        """Let them come now; of how many owners."""
        late, self._late = self._late, []
        for ingester, relay in late:
            relay.release()
            ingester.thaw()
        return len(late)

    def _relays(self, fault: Fault) -> list[Relay]:
        """One process's way to Redis, or every one."""
        relays = list(self.world.relays.values())
        return relays if fault.way % 2 else [relays[fault.which % len(relays)]]

    async def redis_refuses(self, fault: Fault) -> None:
        async with self.world.redis_busy:
            for relay in self._relays(fault):
                relay.close()
            await asyncio.sleep(fault.seconds)
            for relay in self._relays(fault):
                await relay.open()

    async def redis_silent(self, fault: Fault) -> None:
        async with self.world.redis_busy:
            for relay in self._relays(fault):
                relay.swallow()
            await asyncio.sleep(fault.seconds)
            for relay in self._relays(fault):
                relay.restore()

    # -- the rest --------------------------------------------------------------------------------

    async def endpoint_ill(self, fault: Fault) -> None:
        ills: tuple[Ill, ...] = ("error", "garbage", "silence")
        async with self.world.agency_busy:
            city, ill = self.world.city, ills[fault.way % 3]
            city.ill, city.ill_alerts = (ill, None) if fault.which % 2 else (None, ill)
            await asyncio.sleep(fault.seconds)
            city.ill = city.ill_alerts = None

    async def clock_off(self, fault: Fault) -> None:
        """A process starts again on a host whose clock is off, for the rest of the schedule."""
        process = self.world.processes[fault.which % 4]
        async with process.busy:
            process.kill()
            process.start(SKEW if fault.way % 2 else -SKEW)
            if process in self.world.gateways:
                await self.world.ready(process)


FAULTS: dict[str, Callable[[Drill, Fault], Awaitable[None]]] = {
    "rider cut": Drill.rider_cut,
    "rider frozen": Drill.rider_frozen,
    "rider slow": Drill.rider_slow,
    "gateway killed": Drill.gateway_killed,
    "gateway drained": Drill.gateway_drained,
    "listener deaf": Drill.listener_deaf,
    "ingester killed": Drill.ingester_killed,
    "ingester frozen": Drill.ingester_frozen,
    "redis emptied": Drill.redis_emptied,
    "redis rolled back": Drill.redis_rolled_back,
    "redis restarted": Drill.redis_restarted,
    "writes late": Drill.writes_late,
    "redis refuses": Drill.redis_refuses,
    "redis silent": Drill.redis_silent,
    "endpoint ill": Drill.endpoint_ill,
    "clock off": Drill.clock_off,
}
# Past the lease, so that a standby takes over meanwhile.
_PAST_THE_LEASE = {"ingester frozen"}
# Now and then for a minute, for every process.
_LONG = {"redis refuses", "redis silent"}
MINUTE = 60.0


def schedule(seed: int) -> list[Fault]:
    """The faults of a seed, in time."""
    chance = random.Random(seed)  # noqa: S311  # a schedule to be had again
    faults = []
    for _ in range(chance.randint(2, 6)):
        what = chance.choice(list(FAULTS))
        seconds = chance.uniform(9, 12) if what in _PAST_THE_LEASE else chance.uniform(0.2, 8)
        at = chance.uniform(0, 6)
        which, way = chance.randrange(48), chance.randrange(48)
        if what in _LONG and way % 8 == 7:  # odd: see _relays
            seconds = MINUTE
        faults.append(Fault(at, what, seconds, which, way))
    return sorted(faults)
