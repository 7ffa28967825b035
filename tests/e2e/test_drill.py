"""The law, shortly: some schedules of faults that hold every kind of them (`python -m bench.drill`)."""

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.drill import law
from bench.drill.__main__ import drill
from bench.drill.faults import FAULTS, schedule
from bench.drill.law import LawBroken, hold
from bench.drill.run import carry_out, right_clocks
from bench.drill.world import world
from tests.leaks import leaky_logs

SEEDS = (417, 2989, 1099)
QUICK = 7575  # riders cut and slow, 3 seconds


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


@pytest.fixture
def _terminated_as_before() -> Iterator[None]:
    """A drill that is terminated ends as by Ctrl-C; nothing else here does."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_terminated_as_before")
def test_a_broken_law_is_told_with_its_seed_faults_and_logs_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = "rider-1 at demo:x: name [b]A[/b] instead of [/A]"

    async def broken(*_: object) -> float:
        raise LawBroken(wrong)

    monkeypatch.setattr(law, "hold", broken)  # that of a schedule; the world began by the real one
    done = CliRunner().invoke(drill, ["--seed", str(QUICK), "--schedules", "1"])
    assert done.exit_code == 1, done.output
    told = [f"seed {QUICK}: 1 wrong", *map(str, schedule(QUICK)), wrong]
    assert "\n".join(told) in done.stderr
    assert done.stdout.splitlines()[0] == "1 schedules, 2 faults, 1 broken"
    assert f"broken seeds: {QUICK}" in done.stdout
    kept = re.search("^logs: (.+)$", done.stderr, re.MULTILINE)
    assert kept, done.stderr
    folder = Path(kept[1])
    logs, counted = ({path.stem for path in folder.glob(f"*.{s}")} for s in ("log", "metrics"))
    shutil.rmtree(folder)
    assert logs >= {"gateway-0", "gateway-1", "ingester-0", "ingester-1"}
    assert counted == {"gateway-0", "gateway-1"}
