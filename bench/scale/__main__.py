"""The model behind docs/scale.md: what a town, a city, a country and a continent need.

python -m bench.scale                              the tables, printed
python -m bench.scale --write                      and written to the documents, with plots
python -m bench.scale --set egress=0.09            with another figure
python -m bench.scale --like country --set streams=40000 --set feeds=5
                                                   for riders and feeds of yours
python -m bench.scale.costs                        measures some of the figures
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bench.fanout import tools
from bench.scale.figures import GB, Assumed, Measured
from bench.scale.model import Demand, needs
from bench.scale.page import SCALE, bought, ladder, pages, written
from bench.scale.rungs import RUNGS

SWEEP = [1_000 * 2**power for power in range(12)]  # streams


def plotted(measured: Measured, assumed: Assumed) -> dict[str, Any]:
    """What bench/scale/plots.py draws."""
    results = {rung.name: needs(rung, measured, assumed) for rung in RUNGS}
    return {
        "dollars": {name: each.dollars for name, each in results.items()},
        "streams": SWEEP,
        "sweep": {rung.name: list(_sweep(rung, measured, assumed)) for rung in RUNGS},
        "memory": {
            name: {
                "program": measured.gateway / GB,
                "streams": each.gateway.holding / GB,
                "boards": each.gateway.boards / GB,
                "tails of patches, on average": each.gateway.tails / GB,
                "tails, at their longest": (each.gateway.longest - each.gateway.memory) / GB,
            }
            for name, each in results.items()
        },
    }


def _sweep(rung: Demand, measured: Measured, assumed: Assumed) -> Iterator[float]:
    """Cores of Redis, with this rung's feeds and ever more riders."""
    for streams in SWEEP:
        yield needs(replace(rung, streams=streams), measured, assumed).redis.cores


def _parser() -> argparse.ArgumentParser:
    names = "\n".join(
        f"{one.__name__}:\n"
        + "".join(
            f"  {f.name:16}{f.metadata['unit']:9}{f.metadata['meaning']}\n"
            for f in fields(one)
            if f.metadata
        )
        for one in (Demand, Assumed, Measured)
    )
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description=__doc__,
        epilog=f"what can be set\n\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help="write the documents and their plots")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="below")
    parser.add_argument(
        "--like", choices=[rung.name.split()[-1] for rung in RUNGS],
        help="only this one, which --set may change",
    )  # fmt: skip
    return parser


def told(arguments: Sequence[str] | None) -> tuple[bool, Sequence[Demand], Measured, Assumed]:
    """Whether to write, and what for."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.write and (given.set or given.like):
        parser.error("what is written is figures.py and rungs.py")
    rungs = [rung for rung in RUNGS if not given.like or rung.name.endswith(given.like)]
    measured, assumed = Measured(), Assumed()
    for setting in given.set:
        name, _, text = setting.partition("=")
        try:
            change: dict[str, Any] = {name: int(text) if text.isdecimal() else float(text)}
        except ValueError:
            parser.error(f"no number: {setting}")
        if name in _names(assumed):
            assumed = replace(assumed, **change)
        elif name in _names(measured):
            measured = replace(measured, **change)
        elif name in _names(rungs[0]):
            rungs = [replace(rung, **change) for rung in rungs]
        else:
            parser.error(f"nothing is called {name!r}: see --help")
    return given.write, rungs, measured, assumed


def _names(these: Demand | Measured | Assumed) -> set[str]:
    return {f.name for f in fields(these) if f.metadata}


def main(arguments: Sequence[str] | None = None) -> None:
    write, rungs, measured, assumed = told(arguments)
    print(ladder(rungs, measured, assumed), bought(rungs, measured, assumed), sep="\n")
    if write:
        for page, tables in pages(rungs, measured, assumed).items():
            page.write_text(written(page.read_text(), tables))
        try:
            _plot(plotted(measured, assumed))
        except tools.ToolError as error:
            raise SystemExit(str(error)) from None


def _plot(drawn: dict[str, Any]) -> None:
    folder = SCALE.parent / "scale"
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(drawn, file)
        file.flush()
        plots = Path(__file__).with_name("plots.py")
        subprocess.run(  # noqa: S603  # our own
            [tools.plotting_python(), str(plots), file.name, str(folder)], check=True
        )


if __name__ == "__main__":
    main()
