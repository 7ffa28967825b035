"""`python -m bench.drill`."""

import asyncio
import random
import signal
import statistics
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.drill.faults import schedule
from bench.drill.law import hold
from bench.drill.run import Verdict, carry_out, right_clocks
from bench.drill.world import World, world
from schemas.console import plain_console

EPILOG = """
\b
Two schedules, a minute or so:
  python -m bench.drill --schedules 2
For an hour, at whatever seeds:
  python -m bench.drill --schedules 10000 --minutes 60
The schedule that failed, three times, in a fresh world:
  for i in 1 2 3; do python -m bench.drill --seed 4711 --schedules 1; done
"""


@dataclass
class Tally:
    """Over all schedules."""

    verdicts: list[Verdict] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[int] = field(default_factory=list)  # seeds


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--schedules", type=click.IntRange(1), default=20, show_default=True, help="At most.")
@click.option("--minutes", type=click.FloatRange(0), help="No new schedule begins after so many.")
@click.option("--seed", type=int, help="Of the first schedule; the others follow. Default: random.")
def drill(schedules: int, minutes: float | None, seed: int | None) -> None:
    """Let random faults happen to real processes; once quiet, every client must be right.

    Two gateways, two ingesters, Valkey, PostgreSQL and the demo city's agency run as processes and
    on sockets of their own; riders follow boards through both gateways. A schedule is two to six
    faults within some seconds: riders cut, frozen or slow, gateways killed or drained, ingesters
    killed or frozen past their lease, Redis emptied, rolled back, restarted, unreachable or silent
    (now and then for a minute), the listening connection deaf, one of the agency's endpoints ill,
    a host's clock 5 s off. Then the agency stands still, and within 90 s every rider's board must
    equal the board of both gateways, version included, and what a fresh pipeline makes of the
    agency's last messages.
    No rider may be told that a stop does not exist, and no process may log an error.

    A schedule that fails is printed with its seed, and the world is made anew. Exit code 1 if any
    did. The seed fixes what happens and when; the machine's own timing stays its own.
    """
    first = random.randrange(10**6) if seed is None else seed  # noqa: S311  # a choice
    end = time.monotonic() + (60 * minutes if minutes is not None else float("inf"))
    tally = Tally()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no process is left behind
    with suppress(KeyboardInterrupt):  # Ctrl-C ends it with its report
        asyncio.run(_drill(range(first, first + schedules), end, tally))
    _report(tally)
    sys.exit(bool(tally.broken))


async def _drill(seeds: range, end: float, tally: Tally) -> None:
    console = plain_console(stderr=True, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("starting", total=len(seeds))
        current: World | None = None
        async with AsyncExitStack() as worlds:
            for seed in seeds:
                if time.monotonic() > end:
                    break
                if current is None or current.city.over:
                    await worlds.aclose()
                    current = await worlds.enter_async_context(world(seed))
                    await hold(current)
                progress.update(task, description=f"seed {seed}")
                faults = schedule(seed)
                verdict = await carry_out(current, faults)
                tally.verdicts.append(verdict)
                tally.faults.update(fault.what for fault in faults)
                if verdict.wrong:
                    tally.broken.append(seed)
                    told = [f"seed {seed}: {len(verdict.wrong)} wrong", *map(str, faults)]
                    console.print("\n".join([*told, *verdict.wrong[:12]]))
                    console.print(f"logs: {await current.keep()}")
                    current = None
                else:
                    await right_clocks(current)
                progress.advance(task)


def _report(tally: Tally) -> None:
    verdicts = tally.verdicts
    print(f"{len(verdicts)} schedules, {tally.faults.total()} faults, {len(tally.broken)} broken")
    for what, count in sorted(tally.faults.items()):
        print(f"  {count:5}  {what}")
    print(
        f"riders: {sum(v.streams for v in verdicts):,} streams, "
        f"{sum(v.snapshots for v in verdicts):,} snapshots"
    )
    _spread("right again after the last fault", [v.settled for v in verdicts if not v.wrong])
    _spread("standby took over", [taken for v in verdicts for taken in v.take_overs])
    if tally.broken:
        print("broken seeds:", *tally.broken)


def _spread(what: str, seconds: list[float]) -> None:
    if seconds:
        middle = statistics.median(seconds)
        print(f"{what}: median {middle:.1f} s, longest {max(seconds):.1f} s ({len(seconds)} times)")


if __name__ == "__main__":
    drill()
