"""The model's results as docs/scale.md and docs/operations/sizing.md have them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from bench.scale.figures import GB, Assumed, Measured
from bench.scale.model import Demand, Machines, Needs, needs, reconnect, tail

DOCS = Path(__file__).parents[2] / "docs"
SCALE, SIZING = DOCS / "scale.md", DOCS / "operations" / "sizing.md"
END = "<!-- end -->\n"

Row = tuple[str, Sequence[str]]


def pages(
    rungs: Sequence[Demand], measured: Measured, assumed: Assumed
) -> Mapping[Path, Mapping[str, str]]:
    """The tables of each page, by their names there."""
    return {
        SCALE: {
            "ladder": ladder(rungs, measured, assumed),
            "measured": figures(measured),
            "assumed": figures(assumed),
        },
        SIZING: {"machines": bought(rungs, measured, assumed)},
    }


def written(page: str, tables: Mapping[str, str]) -> str:
    """The page with these tables between their marks."""
    for name, text in tables.items():
        begin = f"<!-- python -m bench.scale --write: {name} -->\n"
        before, found, rest = page.partition(begin)
        _, _, after = rest.partition(END)
        assert found, f"no place for {name}"
        page = f"{before}{begin}\n{text}\n{END}{after}"
    return page


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- ", "|---")


# -- what is needed ------------------------------------------------------------------------------


def ladder(rungs: Sequence[Demand], measured: Measured, assumed: Assumed) -> str:
    results = [needs(rung, measured, assumed) for rung in rungs]
    rows = [*_demands(rungs), *_gateways(results, measured, assumed), *_rest(rungs, results)]
    return _table(["", *(rung.name for rung in rungs)], rows)


def _demands(rungs: Sequence[Demand]) -> Iterator[Row]:
    yield "**streams at once**", [f"**{rung.streams:,}**" for rung in rungs]
    yield "feeds", [f"{rung.feeds:,}" for rung in rungs]
    yield "boards, of so many kB", [f"{rung.boards:,}, {rung.board / 1e3:.0f}" for rung in rungs]
    yield "rows of stop_times, millions", [f"{rung.stop_times / 1e6:,.1f}" for rung in rungs]
    yield (
        "changes a minute of a followed board, of any",
        [f"{rung.followed:g}, {rung.unfollowed:g}" for rung in rungs],
    )


def _gateways(results: Sequence[Needs], measured: Measured, assumed: Assumed) -> Iterator[Row]:
    def each(cell: Callable[[Needs], str]) -> list[str]:
        return [cell(result) for result in results]

    yield "**gateways**", each(lambda n: _machines(n.machines["gateways"]))
    yield "each, while one is missing: streams", each(lambda n: f"{n.gateway.streams:,.0f}")
    yield "… stops that it follows", each(lambda n: f"{n.gateway.topics:,.0f}")
    yield "… CPU", each(lambda n: f"{n.gateway.core:.1%}")
    yield (
        "… CPU while a missing one's streams come back in 20 s, all of them here",
        each(lambda n: f"{reconnect(n.gateway.streams, 20, measured):.0%}"),
    )
    yield (
        "… MB: streams, boards, tails of patches",
        each(
            lambda n: " + ".join(
                f"{part / 1e6:,.0f}"
                for part in (n.gateway.holding, n.gateway.boards, n.gateway.tails)
            )
        ),
    )
    yield (
        f"… MB in all, with the program; with all tails at their {tail(measured, assumed) / 1e3:.0f} kB",
        each(lambda n: f"{n.gateway.memory / 1e6:,.0f}; {n.gateway.longest / 1e6:,.0f}"),
    )


def _rest(rungs: Sequence[Demand], results: Sequence[Needs]) -> Iterator[Row]:
    def each(cell: Callable[[Needs], str]) -> list[str]:
        return [cell(result) for result in results]

    yield "**Redis**, half of it replicas", each(lambda n: _machines(n.machines["Redis"]))
    yield "cores: to publish", each(lambda n: f"{n.redis.publishing:.3f}")
    yield "… to bring it to gateways", each(lambda n: f"{n.redis.fan_out:.3f}")
    yield (
        "… for what gateways ask and tell again and again",
        each(lambda n: f"{n.redis.upkeep:.3f}"),
    )
    yield "boards and limits, GB", each(lambda n: f"{n.redis.memory / GB:.2f}")
    yield "**ingesters**, half of them standbys", each(lambda n: _machines(n.machines["ingesters"]))
    yield "timetables of owners, GB", each(lambda n: f"{n.timetables / GB:.1f}")
    yield "**Postgres**", each(lambda n: _machines(n.machines["Postgres"]))
    yield "ms of CPU for a search", each(lambda n: f"{n.search * 1e3:.1f}")
    yield "**nginx**", each(lambda n: _machines(n.machines["nginx"]))
    yield "to riders, Mbit/s", each(lambda n: _megabits(n.out))
    yield "from Redis to gateways, Mbit/s", each(lambda n: _megabits(n.redis.inside))
    for part in results[0].dollars:
        yield f"$ a month: {part}", [f"{result.dollars[part]:,.0f}" for result in results]
    yield "**$ a month**", [f"**{_total(result)}**" for result in results]
    yield (
        "$ a month for 1,000 streams",
        [
            f"{sum(each.dollars.values()) / rung.streams * 1000:,.1f}"
            for rung, each in zip(rungs, results, strict=True)
        ],
    )


# -- what is bought ------------------------------------------------------------------------------


def bought(rungs: Sequence[Demand], measured: Measured, assumed: Assumed) -> str:
    """A row for each rung, as a shopping list."""
    results = {rung: needs(rung, measured, assumed) for rung in rungs}
    kinds = list(next(iter(results.values())).machines)
    head = ["riders at once", *kinds, "to riders", "$ a month"]
    return _table(
        head,
        (
            (
                f"**{rung.streams:,}**, {rung.name}",
                [
                    *(_machines(result.machines[kind]) for kind in kinds),
                    f"{_megabits(result.out)} Mbit/s",
                    _total(result),
                ],
            )
            for rung, result in results.items()
        ),
    )


def _machines(these: Machines) -> str:
    cores = "" if these.cores == 1 else f" and {these.cores} cores"
    disk = f", disk {max(1, these.disk / GB):.0f} GB" if these.disk else ""
    return f"{these.count} × {these.memory / GB:g} GB{cores}{disk}"  # noqa: RUF001  # as it is read


def _megabits(bytes_a_second: float) -> str:
    return f"{bytes_a_second * 8 / 1e6:,.1f}"


def _total(result: Needs) -> str:
    return f"{sum(result.dollars.values()):,.0f}"


# -- what went in --------------------------------------------------------------------------------

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ"))
_SYMBOLS = {"bytes": "B", "s": "s"}


def figures(these: Measured | Assumed) -> str:
    rows = (
        (f"`{f.name}`", [_shown(getattr(these, f.name), f.metadata["unit"]), f.metadata["meaning"]])
        for f in fields(these)
    )
    return _table(["name", "value", "what"], rows)


def _shown(value: float, unit: str) -> str:
    if unit == "dollars":
        return f"${value:g}"
    if unit not in _SYMBOLS or (unit == "s" and value >= 1):
        return f"{value:,g} {unit}".rstrip()
    scale, prefix = next(one for one in _PREFIXES if value >= one[0])
    return f"{value / scale:.4g} {prefix}{_SYMBOLS[unit]}"
