"""The model's results as docs/scale.md has them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.scale.figures import GB, Assumed, Measured
from bench.scale.model import Demand, Needs, needs, reconnect

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- python -m bench.scale --write -->\n", "<!-- end -->\n"


def tables(rungs: Sequence[Demand], measured: Measured, assumed: Assumed) -> str:
    results = [needs(rung, measured, assumed) for rung in rungs]
    rows = [*_demands(rungs), *_results(rungs, results, measured)]
    head = f"| | {' | '.join(rung.name for rung in rungs)} |\n|---|{'---|' * len(rungs)}\n"
    return head + "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in rows)


def written(page: str, text: str) -> str:
    """The page with this text between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


Row = tuple[str, list[str]]


def _demands(rungs: Sequence[Demand]) -> Iterator[Row]:
    yield "**streams at once**", [f"**{rung.streams:,}**" for rung in rungs]
    yield "feeds", [f"{rung.feeds:,}" for rung in rungs]
    yield "boards, of so many kB", [f"{rung.boards:,}, {rung.board / 1e3:.0f}" for rung in rungs]
    yield "rows of stop_times, millions", [f"{rung.stop_times / 1e6:,.1f}" for rung in rungs]
    yield (
        "changes a minute of a followed board, of any",
        [f"{rung.followed:g}, {rung.unfollowed:g}" for rung in rungs],
    )


def _results(
    rungs: Sequence[Demand], results: Sequence[Needs], measured: Measured
) -> Iterator[Row]:
    yield "**gateways**, one core each", [f"**{each.gateways}**" for each in results]
    yield "their CPU", [f"{each.gateway_core:.1%}" for each in results]
    yield "stops that each follows", [f"{each.topics:,.0f}" for each in results]
    yield (
        "CPU while one's streams come back in 20 s, all of them at one other",
        [
            f"{reconnect(rung.streams / each.gateways, 20, measured):.0%}"
            for rung, each in zip(rungs, results, strict=True)
        ],
    )
    yield "**shards of Redis**, with a replica each", [f"**{each.shards}**" for each in results]
    yield (
        "Redis: cores, of that for the way to gateways",
        [f"{each.redis_cores:.2f}, {each.redis_fan_out:.2f}" for each in results],
    )
    yield "Redis: boards, GB", [f"{each.redis_memory / GB:.2f}" for each in results]
    yield "**ingesters**, half of them standbys", [f"**{each.ingesters}**" for each in results]
    yield "their timetables, GB", [f"{each.ingester_memory / GB:.1f}" for each in results]
    yield "to riders, Mbit/s", [f"{each.out * 8 / 1e6:,.1f}" for each in results]
    yield "from Redis to gateways, Mbit/s", [f"{each.inside * 8 / 1e6:,.1f}" for each in results]
    for part in results[0].dollars:
        yield f"$ a month: {part}", [f"{each.dollars[part]:,.0f}" for each in results]
    yield "**$ a month**", [f"**{sum(each.dollars.values()):,.0f}**" for each in results]
    yield (
        "$ a month for 1,000 streams",
        [
            f"{sum(each.dollars.values()) / rung.streams * 1000:,.1f}"
            for rung, each in zip(rungs, results, strict=True)
        ],
    )
