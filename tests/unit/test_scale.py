"""The model of docs/scale.md: its pages are what it says, and it says what must hold."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from bench.scale import costs, page
from bench.scale.__main__ import told
from bench.scale.figures import Assumed, Measured
from bench.scale.model import Demand, distinct, machine, needs, reconnect, tail
from bench.scale.rungs import RUNGS
from gateway.settings import GatewaySettings

MEASURED, ASSUMED = Measured(), Assumed()
DOCS = Path(__file__).parents[2] / "docs"
PERFORMANCE = (DOCS / "performance.md").read_text()
SMALL = Demand("a village", 100, 1, 50, 1e4, 4e3, 2, 1)


@pytest.mark.parametrize("file", [page.SCALE, page.SIZING], ids=lambda file: str(file.name))
def test_pages_have_what_the_model_says(file: Path) -> None:
    tables = page.pages(RUNGS, MEASURED, ASSUMED)[file]
    assert page.written(file.read_text(), tables) == file.read_text()


def test_page_shows_the_plots_that_there_are() -> None:
    drawn = {file.name for file in (page.SCALE.parent / "scale").glob("*.png")}
    assert drawn
    assert all(f"(scale/{name})" in page.SCALE.read_text() for name in drawn)


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


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("decisions/0016-shared-gzip.md", "| bytes an event | {patch_plain:,.0f} | {patch:.0f} |"),
        ("decisions/0015-redis-holds-snapshots-and-patches.md", "Valkey {publication:.0f}"),
        ("decisions/0028-stop-search.md", "take {stop:.0f} kB per stop"),
        ("operations/sizing.md", "| {gateway:.0f} MB |"),
        ("operations/sizing.md", "| {row:.0f} bytes for each row"),
        ("operations/sizing.md", "| {nginx:.0f} kB of nginx"),
    ],
)
def test_measured_figures_are_those_of_the_documents(document: str, words: str) -> None:
    units = {"publication": 1e6, "stop": 1e-3, "gateway": 1e-6, "nginx": 1e-3}
    values = {f.name: getattr(MEASURED, f.name) * units.get(f.name, 1) for f in fields(MEASURED)}
    wanted = words.replace("{stop:.0f}", "{stop:.2f}").format(**values)
    assert wanted in (DOCS / document).read_text()


def test_a_kept_patch_takes_what_the_model_says() -> None:
    assert costs.kept_patch(joined=True, patches=200) == pytest.approx(MEASURED.kept, rel=0.1)


def test_settings_are_at_their_defaults() -> None:
    named = {f.name for f in fields(ASSUMED)} & set(GatewaySettings.model_fields)
    assert {"tail_bytes", "sweep", "feed_poll", "stream_lease"} < named
    for name in named:
        assert getattr(ASSUMED, name) == GatewaySettings.model_fields[name].default


@pytest.mark.parametrize("streams", [1, 20_000, 20_001, 1_000_000])
def test_one_gateway_may_be_missing(streams: int) -> None:
    result = needs(replace(SMALL, streams=streams), MEASURED, ASSUMED)
    gateways = result.machines["gateways"].count
    assert (gateways - 1) * ASSUMED.max_streams >= streams
    assert (gateways - 2) * ASSUMED.max_streams < streams
    assert result.gateway.streams * (gateways - 1) == pytest.approx(streams)


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: str(rung.name))
def test_a_gateway_holds_all_tails_at_their_longest(rung: Demand) -> None:
    result = needs(rung, MEASURED, ASSUMED)
    assert result.gateway.memory < result.gateway.longest < result.machines["gateways"].memory


def test_tails_end_at_what_is_reached_first() -> None:
    each = MEASURED.patch_plain + 2 * MEASURED.patch + MEASURED.kept
    assert tail(MEASURED, replace(ASSUMED, tail_patches=10)) == pytest.approx(10 * each)
    halved = replace(ASSUMED, tail_bytes=ASSUMED.tail_bytes // 2)
    assert tail(MEASURED, halved) == pytest.approx(tail(MEASURED, ASSUMED) / 2)


def test_whoever_follows_one_stop_of_two_equal_ones() -> None:
    assert distinct(2, 1, 0) == pytest.approx(1)
    assert distinct(2, 2, 0) == pytest.approx(1.5)
    assert distinct(1000, 1e9, 0.8) == pytest.approx(1000)


def test_riders_cost_ingesters_nothing_and_unfollowed_boards_cost_gateways_nothing() -> None:
    few = needs(SMALL, MEASURED, ASSUMED)
    crowded = needs(replace(SMALL, streams=100_000), MEASURED, ASSUMED)
    assert crowded.machines["ingesters"] == few.machines["ingesters"]
    assert crowded.redis.publishing == few.redis.publishing
    assert crowded.out == pytest.approx(few.out * 1000)
    busy = needs(replace(SMALL, unfollowed=10), MEASURED, ASSUMED)
    assert busy.gateway == few.gateway
    assert busy.redis.cores > few.redis.cores


def test_a_cluster_costs_more_for_each_script() -> None:
    alone = needs(replace(SMALL, boards=100_000), MEASURED, ASSUMED)
    spread = needs(replace(SMALL, boards=100_000), MEASURED, replace(ASSUMED, shard=1e8))
    assert spread.machines["Redis"].count > alone.machines["Redis"].count == 2
    assert spread.redis.publishing == pytest.approx(alone.redis.publishing * MEASURED.clustered)


def test_machines_come_in_doublings() -> None:
    assert [machine(size, 2) for size in (1, 2, 2.1, 4.1)] == [2, 2, 4, 8]


def test_what_comes_back_takes_its_time() -> None:
    assert reconnect(20_000, 20, MEASURED) == pytest.approx(20_000 / 20 * MEASURED.connect)


def test_every_figure_can_be_set() -> None:
    names = [f.name for one in (SMALL, ASSUMED, MEASURED) for f in fields(one) if f.metadata]
    assert len(set(names)) == len(names)
    arguments = [one for name in names for one in ("--set", f"{name}=7")]
    _, rungs, measured, assumed = told(["--like", "city", *arguments])
    assert [rung.name for rung in rungs] == ["a large city"]
    for one in (rungs[0], measured, assumed):
        assert {getattr(one, f.name) for f in fields(one) if f.metadata} == {7}


@pytest.mark.parametrize(
    "arguments", [["--set", "egres=1"], ["--set", "egress"], ["--write", "--set", "egress=1"]]
)
def test_what_cannot_be_set_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        told(arguments)
    assert "error: " in capsys.readouterr().err
