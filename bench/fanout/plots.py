"""Plots of bench/fanout, by a Python that has matplotlib: plots.py FIGURES.json FOLDER."""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found]  # in an environment of its own
from matplotlib import pyplot as plt

COLOURS = {
    "stopcast": "#0b6e4f",
    "stopcast, tokens": "#5fb49c",
    "nchan": "#c8553d",
    "sse-starlette": "#7d8597",
    "write loop": "#e0a100",
}


def bars(figures: Any, file: Path) -> None:
    peers = figures["saturated"]
    _, axes = plt.subplots(figsize=(7, 2.6))
    for peer, rounds in reversed(peers.items()):
        values = [each["rate_per_cpu"] for each in rounds]
        middle = median(values)
        axes.barh(
            peer, middle, color=COLOURS[peer],
            xerr=[[middle - min(values)], [max(values) - middle]], ecolor="#333333", capsize=3,
        )  # fmt: skip
        axes.text(max(values) * 1.02, peer, f"{middle:,.0f}", va="center")
    axes.set_xlim(0, axes.get_xlim()[1] * 1.12)
    axes.set_xlabel("deliveries for a second of CPU, 2,000 streams of one stop, 200 bytes")
    _save(file)


def latencies(figures: Any, file: Path) -> None:
    _, axes = plt.subplots(figsize=(7, 3.6))
    for peer, rounds in figures["many_stops"].items():
        for index, each in enumerate(rounds):
            axes.plot(
                each["latency"][:100], range(100), color=COLOURS[peer],
                label=None if index else peer, linewidth=1.3,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("ms from publishing to receiving (15,000 streams, 20,000 deliveries a second)")
    axes.set_ylabel("% of deliveries")
    axes.legend(loc="lower right")
    _save(file)


def connects(figures: Any, file: Path) -> None:
    _, axes = plt.subplots(figsize=(7, 3.6))
    for peer, rounds in figures["connects"].items():
        for index, each in enumerate(rounds):
            axes.plot(
                [ms / 1000 for ms in each["first"]], range(101), color=COLOURS[peer],
                label=None if index else peer, linewidth=1.3,
            )  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds since the client began to connect (15,000 at once)")
    axes.set_ylabel("% of clients that have their board")
    axes.legend(loc="lower right")
    _save(file)


def _save(file: Path) -> None:
    axes = plt.gca()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    plt.tight_layout()
    plt.savefig(file, dpi=110)
    plt.close()


if __name__ == "__main__":
    mpl.use("Agg")
    told, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    bars(told, folder / "saturated.png")
    latencies(told, folder / "latency.png")
    connects(told, folder / "connects.png")
