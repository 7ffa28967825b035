"""The model behind docs/scale.md: what a town, a city, a country and a continent need.

python -m bench.scale            the table, printed
python -m bench.scale --write    and written to docs/scale.md, with plots
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.fanout import tools
from bench.scale.figures import GB, Assumed, Measured
from bench.scale.model import needs
from bench.scale.page import PAGE, tables, written
from bench.scale.rungs import RUNGS

SWEEP = [1_000 * 2**power for power in range(12)]  # streams


def plotted(measured: Measured, assumed: Assumed) -> dict[str, Any]:
    """What bench/scale/plots.py draws."""
    results = {rung.name: needs(rung, measured, assumed) for rung in RUNGS}
    return {
        "dollars": {name: each.dollars for name, each in results.items()},
        "streams": SWEEP,
        "sweep": {rung.name: list(_sweep(rung.name, measured, assumed)) for rung in RUNGS},
        "memory": {
            "gateways": [streams * measured.stream / GB for streams in SWEEP],
            **{
                f"timetables of {n}": [each.ingester_memory / GB] * len(SWEEP)
                for n, each in results.items()
            },
        },
    }


def _sweep(name: str, measured: Measured, assumed: Assumed) -> Iterator[float]:
    """Cores of Redis, with this rung's feeds and ever more riders."""
    [rung] = [rung for rung in RUNGS if rung.name == name]
    for streams in SWEEP:
        yield needs(replace(rung, streams=streams), measured, assumed).redis_cores


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help="write docs/scale.md and its plots")
    measured, assumed = Measured(), Assumed()
    text = tables(RUNGS, measured, assumed)
    print(text)
    if parser.parse_args().write:
        PAGE.write_text(written(PAGE.read_text(), text))
        try:
            _plot(plotted(measured, assumed))
        except tools.ToolError as error:
            raise SystemExit(str(error)) from None


def _plot(figures: dict[str, Any]) -> None:
    folder = PAGE.parent / "scale"
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(figures, file)
        file.flush()
        plots = Path(__file__).with_name("plots.py")
        subprocess.run(  # noqa: S603  # our own
            [tools.plotting_python(), str(plots), file.name, str(folder)], check=True
        )


if __name__ == "__main__":
    main()
