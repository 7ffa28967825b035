"""The rules of import of docs/architecture.md, held against the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Bytes and times are arguments here: no I/O, no clock, no logging, and nothing of ours that has any.
PURE = {
    "feeds.realtime.alerts",
    "feeds.realtime.informed_entity",
    "feeds.realtime.notice",
    "feeds.realtime.progress",
    "feeds.realtime.remarks",
    "feeds.realtime.sighting",
    "feeds.realtime.vehicles",
    "feeds.realtime.window",
    "feeds.timetable.served_routes",
    "feeds.realtime.added_trips",
    "feeds.realtime.calls",
    "feeds.realtime.descriptors",
    "feeds.realtime.modifications",
    "feeds.realtime.propagation",
    "feeds.realtime.service_dates",
    "feeds.realtime.stop_matching",
    "feeds.realtime.trip_instance",
    "feeds.timetable.trip_ids",
    "feeds.realtime.arrivals",
    "feeds.realtime.boards",
    "feeds.realtime.candidates",
    "feeds.realtime.planned",
    "feeds.realtime.sightings",
    "feeds.realtime.stand",
    "feeds.realtime.due_calls",
    "feeds.realtime.captures",
    "feeds.sources.clock",
    "feeds.realtime.decode",
    "feeds.sources.demo.days",
    "feeds.ingest.endpoint_health",
    "feeds.timetable.frequency_index",
    "feeds.gtfs.fields",
    "feeds.gtfs.stop_times",
    "feeds.gtfs.table",
    "feeds.gtfs.interpolation",
    "feeds.realtime.nyct",
    "feeds.realtime.pipeline",
    "feeds.realtime.predictions",
    "feeds.realtime.quality",
    "feeds.realtime.quiet",
    "feeds.realtime.text",
    "feeds.sources.recording",
    "feeds.timetable.entities",
    "feeds.gtfs.problems",
    "feeds.timetable.service_days",
    "feeds.sources.simulation.alerts",
    "feeds.sources.simulation.chance",
    "feeds.sources.simulation.entities",
    "feeds.sources.simulation.lateness",
    "feeds.sources.simulation.simulation",
    "feeds.sources.simulation.trips",
    "feeds.timetable.stop_index",
    "feeds.gtfs.stop_time_records",
    "feeds.timetable.stop_times",
    "feeds.timetable.timetable",
    "feeds.realtime.trip_updates",
    "feeds.realtime.trips",
    "gateway.auth.errors",
    "gateway.auth.grant",
    "gateway.coding",
    "gateway.cursor",
    "gateway.event",
    "gateway.limits.caller",
    "gateway.load.clock",
    "gateway.load.spread",
    "gateway.load.succession",
    "gateway.load.tally",
    "gateway.nearby",
    "gateway.stop_search",
    "gateway.stop_words",
    "gateway.watch.ansi",
    "gateway.watch.departure",
    "gateway.watch.drawing",
    "gateway.watch.pictures",
    "schemas.answers",
    "schemas.arrivals",
    "schemas.errors",
    "schemas.event_reader",
    "schemas.events",
    "schemas.feed_state",
    "schemas.frames",
    "schemas.keys",
    "schemas.merge_patch",
    "schemas.redaction",
    "schemas.search.entries",
    "schemas.search.folding",
    "schemas.search.spelling",
    "schemas.server_url",
    "schemas.stored_board",
}
OUTSIDE = {
    *("asyncio", "asyncpg", "click", "honcho", "http", "httptools", "httpx", "io", "logging"),
    *("multiprocessing", "os", "pathlib", "random", "redis", "rich", "secrets", "shutil", "signal"),
    *("socket", "sqlalchemy", "ssl", "starlette", "structlog", "subprocess", "sys", "tempfile"),
    *("threading", "time", "urllib.request", "uvicorn", "uvloop", "zipfile"),
}
CLOCKS = (".datetime.now", ".datetime.utcnow", ".datetime.today", ".date.today", ".open", ".print")

PACKAGES = {"feeds", "gateway", "schemas"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
        path.read_text()
    )
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}


def imports(module: str) -> set[str]:
    """Full names; `from schemas import keys` gives `schemas` and `schemas.keys`."""
    found = set()
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def below(name: str, parents: set[str]) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def calls(module: str) -> set[str]:
    tree = ast.walk(MODULES[module])
    return {ast.unparse(node.func) for node in tree if isinstance(node, ast.Call)}


@pytest.mark.parametrize(
    ("package", "others"),
    [("feeds", {"gateway"}), ("gateway", {"feeds"}), ("schemas", {"feeds", "gateway"})],
)
def test_sides_meet_only_in_schemas(package: str, others: set[str]) -> None:
    for module in MODULES:
        if below(module, {package}):
            wrong = {name for name in imports(module) if below(name, others | {"stopcast"})}
            assert not wrong, f"{module} imports {wrong}"


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_module_knows_no_outside_and_no_clock(module: str) -> None:
    assert module in MODULES, "strike it off the list"
    assert not {name for name in imports(module) if below(name, OUTSIDE)}
    assert not {name for name in calls(module) if f".{name}".endswith(CLOCKS)}
    ours = {name for name in imports(module) if name in MODULES}
    packages = {name for name in ours if MODULES[name].body[1:] == []}  # a docstring, at most
    assert ours - packages <= PURE, "a pure module imports pure modules only"
