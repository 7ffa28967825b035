"""Plots of bench/scale, by a Python that has matplotlib: plots.py FIGURES.json FOLDER."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found]  # in an environment of its own
from matplotlib import pyplot as plt

COLOURS = ("#0b6e4f", "#5fb49c", "#e0a100", "#c8553d")


def money(figures: Any, file: Path) -> None:
    rungs = figures["dollars"]
    _, axes = plt.subplots(figsize=(7, 2.8))
    left = [0.0] * len(rungs)
    for part, colour in zip(next(iter(rungs.values())), COLOURS, strict=False):
        shares = [rung[part] / sum(rung.values()) * 100 for rung in rungs.values()]
        axes.barh(list(rungs), shares, left=left, color=colour, label=part)
        left = [before + share for before, share in zip(left, shares, strict=True)]
    for name, rung in rungs.items():
        axes.text(101, name, f"${sum(rung.values()):,.0f}", va="center")
    axes.invert_yaxis()
    axes.set_xlim(0, 116)
    axes.set_xlabel("% of what a month costs")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, 1.22), ncols=4, frameon=False)
    _save(file)


def redis(figures: Any, file: Path) -> None:
    _, axes = plt.subplots(figsize=(7, 3.6))
    for (name, cores), colour in zip(figures["sweep"].items(), COLOURS, strict=True):
        axes.plot(figures["streams"], cores, color=colour, label=f"feeds of {name}", linewidth=1.6)
    axes.axhline(0.5, color="#7d8597", linewidth=1, linestyle="--")
    axes.text(
        1_000, 0.54, "half a core of one Redis: time for a Cluster", fontsize=8, color="#555555"
    )
    axes.set_ylim(0, 2.2)
    axes.set_xscale("log")
    axes.set_xlabel("streams at once")
    axes.set_ylabel("cores of Redis")
    axes.legend(loc="upper left")
    _save(file)


def memory(figures: Any, file: Path) -> None:
    rungs = figures["memory"]
    _, axes = plt.subplots(figsize=(7, 2.8))
    left = [0.0] * len(rungs)
    for part, colour in zip(next(iter(rungs.values())), (*COLOURS, "#ecd9d4"), strict=True):
        sizes = [rung[part] for rung in rungs.values()]
        axes.barh(list(rungs), sizes, left=left, color=colour, label=part)
        left = [before + size for before, size in zip(left, sizes, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("GB of memory of one gateway, while another is missing")
    axes.legend(loc="upper right", fontsize=8, frameon=False)
    _save(file)


def _save(file: Path) -> None:
    axes = plt.gca()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    plt.tight_layout()
    plt.savefig(file, dpi=110)
    plt.close()


if __name__ == "__main__":
    mpl.use("Agg")
    told, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    money(told, folder / "money.png")
    redis(told, folder / "redis.png")
    memory(told, folder / "memory.png")
