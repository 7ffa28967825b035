"""The model of docs/scale.md: its page is what it says, and it says what must hold."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale import page
from bench.scale.figures import Assumed, Measured
from bench.scale.model import Demand, distinct, needs, reconnect
from bench.scale.rungs import RUNGS

MEASURED, ASSUMED = Measured(), Assumed()
PERFORMANCE = (Path(__file__).parents[2] / "docs/performance.md").read_text()
SMALL = Demand("a village", 100, 1, 50, 1e4, 4e3, 2, 1)


def test_page_has_what_the_model_says() -> None:
    text = page.PAGE.read_text()
    assert page.written(text, page.tables(RUNGS, MEASURED, ASSUMED)) == text


def test_page_shows_the_plots_that_there_are() -> None:
    drawn = {file.name for file in (page.PAGE.parent / "scale").glob("*.png")}
    assert drawn
    assert all(f"(scale/{name})" in page.PAGE.read_text() for name in drawn)


def ours(heading: str, column: int) -> float:
    """A cell of Stopcast's row under this heading of docs/performance.md."""
    rows = PERFORMANCE.partition(f"\n## {heading}")[2].splitlines()
    row = next(line for line in rows if line.startswith("| stopcast |"))
    return float(row.split("|")[column].split()[0])


def test_measured_figures_are_those_of_the_bench() -> None:
    assert ours("15,000 streams over 1,500 stops", 2) * 1e3 == MEASURED.stream
    assert ours("2,000 streams of one stop, events", 4) == pytest.approx(MEASURED.delivery * 1e6)
    assert ours("15,000 clients at once", 4) == pytest.approx(MEASURED.connect * 1e6)
    ten = MEASURED.delivery + MEASURED.message / 10
    assert ours("15,000 streams over 1,500 stops", 7) == pytest.approx(ten * 1e6)


@pytest.mark.parametrize("streams", [1, 20_000, 20_001, 1_000_000])
def test_one_gateway_may_be_missing(streams: int) -> None:
    gateways = needs(replace(SMALL, streams=streams), MEASURED, ASSUMED).gateways
    assert (gateways - 1) * ASSUMED.max_streams >= streams
    assert (gateways - 2) * ASSUMED.max_streams < streams


def test_whoever_follows_one_stop_of_two_equal_ones() -> None:
    assert distinct(2, 1, 0) == pytest.approx(1)
    assert distinct(2, 2, 0) == pytest.approx(1.5)
    assert distinct(1000, 1e9, 0.8) == pytest.approx(1000)


def test_riders_cost_ingesters_nothing_and_unfollowed_boards_cost_gateways_nothing() -> None:
    few = needs(SMALL, MEASURED, ASSUMED)
    crowded = needs(replace(SMALL, streams=100_000), MEASURED, ASSUMED)
    assert (crowded.ingesters, crowded.redis_memory) == (few.ingesters, few.redis_memory)
    assert crowded.out == pytest.approx(few.out * 1000)
    busy = needs(replace(SMALL, unfollowed=10), MEASURED, ASSUMED)
    assert busy.gateway_core == few.gateway_core
    assert busy.redis_cores > few.redis_cores


def test_what_comes_back_takes_its_time() -> None:
    assert reconnect(20_000, 20, MEASURED) == pytest.approx(20_000 / 20 * MEASURED.connect)
