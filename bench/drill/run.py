"""One schedule from its first fault to the verdict."""

import asyncio
from dataclasses import dataclass, field

from bench.drill import law
from bench.drill.faults import Drill, Fault
from bench.drill.world import World
from schemas.tasks import end

STEP = 0.4  # seconds between two messages of the agency while faults happen
ARRIVED = 2.0  # seconds until Redis has read what was late
STUCK = 240.0  # seconds after which a schedule has not ended by itself


@dataclass
class Verdict:
    """What came of a schedule. `wrong` is empty where the law held."""

    settled: float = 0.0  # seconds until all was right, counted from the last fault's end
    take_overs: list[float] = field(default_factory=list)
    snapshots: int = 0  # that riders received
    streams: int = 0  # that riders opened
    wrong: list[str] = field(default_factory=list)


async def carry_out(world: World, faults: list[Fault]) -> Verdict:
    """Let the faults happen to a world in which all is well; whether all is well again."""
    drill, verdict = Drill(world), Verdict()
    seen = {process: process.log.stat().st_size for process in world.processes}
    before = [(rider.snapshots, rider.streams) for rider in world.riders]
    news = asyncio.create_task(_news(world))
    try:
        async with asyncio.timeout(STUCK), asyncio.TaskGroup() as tasks:
            for fault in faults:
                tasks.create_task(drill.run(fault))
    except* (TimeoutError, RuntimeError) as errors:
        verdict.wrong += (f"a fault did not end: {error!r}" for error in errors.exceptions)
    finally:
        await end([news])
    world.city.settle()
    try:
        verdict.settled = await law.hold(world)
        if await drill.let_late_writes_come():  # and nobody says anything new
            await asyncio.sleep(ARRIVED)
            await law.hold(world, patience=0)
        world.city.settle()  # who only looks well does not follow
        await law.hold(world)
    except law.LawBroken as broken:
        verdict.wrong += str(broken).splitlines()
    await drill.let_late_writes_come()
    for process, since in seen.items():
        verdict.wrong += (f"{process.name} logged {line}" for line in law.errors(process, since))
    for rider, (snapshots, streams) in zip(world.riders, before, strict=True):
        verdict.wrong += rider.wrong
        rider.wrong.clear()
        verdict.snapshots += rider.snapshots - snapshots
        verdict.streams += rider.streams - streams
    verdict.take_overs = drill.take_overs
    return verdict


async def _news(world: World) -> None:
    while True:
        world.city.step()
        await asyncio.sleep(STEP)


async def right_clocks(world: World) -> None:
    """Bring every process back to a host whose clock is right."""
    for process in world.processes:
        if process.skew:
            process.kill()
            process.start()
    for gateway in world.gateways:
        await world.ready(gateway)
