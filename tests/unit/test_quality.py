"""Feed quality: every kind that the code counts is listed, with its fate, and documented."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from feeds.realtime.pipeline import Pipeline
from feeds.realtime.quality import KINDS, Quality
from tests.timetables import make_timetable, message, posix, trip_update

ROOT = Path(__file__).parents[2]
NOW = posix("09:55:00")


def test_the_last_example_of_each_kind_is_told_with_its_count() -> None:
    quality = Quality()
    for example in ("one", "two"):
        quality.note("stop_unknown", example)
    quality.note("message_header_back", "30 s")
    assert quality.report() == {
        "message_header_back": {"count": 1, "fate": "out_of_order", "example": "30 s"},
        "stop_unknown": {"count": 2, "fate": "dropped", "example": "two"},
    }


def test_what_an_endpoint_has_wrong_is_counted_there_and_at_the_feed() -> None:
    rows = [(1, "a", "10:00:00", "10:00:00"), (2, "b", "10:10:00", "10:10:00")]
    pipeline = Pipeline(make_timetable({"t": rows}))
    pipeline.poll(0, message(trip_update("x", {"stop_id": "a", "arrival": "10:00:00"})), NOW)
    pipeline.poll(1, message(trip_update("y", {"stop_id": "q", "arrival": "10:00:00"})), NOW)
    assert pipeline.quality.part(0).counts == {"trip_unscheduled": 1}
    assert pipeline.quality.part(1).counts == {"trip_unscheduled": 1, "stop_unknown": 1}
    assert pipeline.quality.counts == {"trip_unscheduled": 2, "stop_unknown": 1}


def test_what_is_too_old_is_counted_at_the_endpoint_that_said_it() -> None:
    rows = [(1, "a", "10:00:00", "10:00:00"), (2, "b", "10:10:00", "10:10:00")]
    pipeline = Pipeline(make_timetable({"t": rows}))
    update = trip_update("t", {"stop_sequence": 1, "arrival": 60})
    update.timestamp = NOW - 1000
    pipeline.poll(3, message(update), NOW)
    pipeline.withdraw_older(3, NOW - 700)
    assert pipeline.quality.part(3).counts == {"trip_update_expired": 1}


def counted() -> Iterator[str]:
    """The kinds in the source, a part that is worked out as `*`."""
    for path in (ROOT / "feeds").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func).rpartition(".")[2]
                if called in {"note", "_note"}:
                    yield from texts(node.args[0])
                elif called == "DecodeError":
                    yield from (f"message_{kind}" for kind in texts(node.args[0]))


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "*" for p in node.values)
        yield "".join(map(str, parts))


def test_every_kind_that_is_counted_is_listed() -> None:
    found = set(counted())
    patterns = [kind.replace("*", r"\w+") for kind in found if "*" in kind]
    known = {kind for kind in KINDS if any(re.fullmatch(p, kind) for p in patterns)} | found
    assert {kind for kind in known if "*" not in kind} == set(KINDS)


def test_the_documentation_lists_each_kind_with_its_fate() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `((?!stopcast)\w+)` \| ([a-z ]+) \| \S.* \|$", text, re.MULTILINE)
    assert {kind: fate.replace(" ", "_") for kind, fate in rows} == KINDS


def test_an_example_is_short_whatever_a_feed_calls_its_trips() -> None:
    quality = Quality()
    quality.note("trip_unknown", "x" * 1_000_000)
    assert quality.report()["trip_unknown"]["example"] == "x" * 200
