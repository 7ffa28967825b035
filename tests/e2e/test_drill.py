"""The law, shortly: some schedules of faults that hold every kind of them (`python -m bench.drill`)."""

from bench.drill.faults import FAULTS, schedule
from bench.drill.law import hold
from bench.drill.run import carry_out, right_clocks
from bench.drill.world import world
from tests.leaks import leaky_logs

SEEDS = (417, 2989, 1099)


def test_the_schedules_have_every_fault() -> None:
    assert {fault.what for seed in SEEDS for fault in schedule(seed)} == FAULTS.keys()


async def test_whatever_happens_once_quiet_every_client_has_the_servers_boards() -> None:
    async with world(SEEDS[0]) as drilled:
        await hold(drilled)
        for seed in SEEDS:
            verdict = await carry_out(drilled, schedule(seed))
            assert not verdict.wrong, f"seed {seed}"
            await right_clocks(drilled)
        assert list(drilled.folder.glob("*.log"))
        assert leaky_logs(drilled.folder) == {}
