"""What a run found: one document, and the same as tables."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from rich.table import Table

from gateway.load.run import Run

Verdict = Literal["right", "wrong", "unusable"]

# Seconds; above it the times tell of this machine rather than of the deployment.
_OWN_DELAY = 0.1
_SHOWN = ("min", "p50", "p99", "p999", "max")


def report(run: Run) -> dict[str, Any]:
    """Plain values, for JSON; times are seconds."""
    tally, clock, found = run.tally, run.deployment.clock, run.comparison
    seconds = max(run.seconds, 1e-9)
    return {
        "url": str(run.deployment.url),
        "verdict": verdict(run),
        "seconds": round(run.seconds, 3),
        "stopped": run.stopped,
        "streams": {
            "asked": run.plan.connections,
            "connected": tally.connected,
            "refused": dict(tally.refused),
            "lost": dict(tally.lost),
            "goodbyes": dict(tally.goodbyes),
        },
        "stops": len(run.plan.stops),
        "stops_per_stream": len(run.plan.stops_of(0)),
        "first_event": tally.first_event.report(),
        "publish_to_receive": tally.latency.report(clock.offset),
        "clock": {
            "offset": round(clock.offset, 3),
            "declared": clock.declared is not None,
            "between": [round(clock.low, 3), round(clock.high, 3)],
        },
        "reconnect": tally.reconnect.report(),
        "deliveries": tally.deliveries,
        "deliveries_per_second": round(tally.deliveries / seconds, 1),
        "bytes": tally.bytes,
        "bytes_per_second": round(tally.bytes / seconds),
        "text_bytes": tally.text_bytes,
        "own_delay": tally.own_delay.report(),
        "boards": {
            "right": found.right,
            "wrong": found.wrong,
            "behind": found.behind,
            "undecided": found.undecided,
            "gaps": tally.gaps,
            "unreadable": tally.unreadable,
            "examples": found.examples,
            "unanswered": found.unanswered,
        },
    }


def verdict(run: Run) -> Verdict:
    """Wrong if anything was; unusable if nothing could be compared."""
    found, tally = run.comparison, run.tally
    if found.wrong or found.behind or tally.gaps or tally.unreadable:
        return "wrong"
    return "right" if found.right else "unusable"


def tables(told: Mapping[str, Any]) -> Iterator[Table]:
    """The report for people: times in milliseconds, then everything else.

    What a server said is in it: for a console that takes it as it is.
    """
    times = Table("ms", title=told["url"], title_justify="left")
    for column in (*_SHOWN, "times"):
        times.add_column(column, justify="right")
    for name in ("first_event", "publish_to_receive", "reconnect", "own_delay"):
        spread = told[name]
        shown = [f"{spread[share] * 1000:,.1f}" for share in _SHOWN] if spread["count"] else []
        cells = [*shown, *[""] * (len(_SHOWN) - len(shown)), f"{spread['count']:,}"]
        times.add_row(name.replace("_", " "), *cells)
    yield times
    rest = Table(show_header=False)
    for name, text in _rows(told):
        rest.add_row(name, text)
    yield rest


def _rows(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    streams, boards = told["streams"], told["boards"]
    early = ", stopped early" if told["stopped"] else ""
    yield "run", f"{told['seconds']:.1f} s{early}"
    yield "stops", f"{told['stops']:,}, {told['stops_per_stream']:,} in a stream"
    yield "connected", f"{streams['connected']:,} of {streams['asked']:,} streams"
    for name in ("refused", "lost", "goodbyes"):
        if streams[name]:
            yield name, _counts(streams[name])
    yield "deliveries", f"{told['deliveries']:,}, {told['deliveries_per_second']:,.1f}/s"
    of_events = f"{told['text_bytes']:,} of events, decompressed"
    yield "bytes", f"{told['bytes']:,}, {told['bytes_per_second']:,}/s; {of_events}"
    yield "clock", _clock(told["clock"])
    if told["own_delay"].get("max", 0) > _OWN_DELAY:
        yield "own delay", "this machine was late itself: with less to do it would measure better"
    kinds = ("right", "wrong", "behind", "undecided")
    yield "boards", ", ".join(f"{boards[kind]:,} {kind}" for kind in kinds)
    yield "gaps", f"{boards['gaps']:,}"
    if boards["unreadable"]:
        yield "unreadable", f"{boards['unreadable']:,} answers"
    if boards["unanswered"]:
        yield "unanswered", boards["unanswered"]
    for example in boards["examples"]:
        yield "", example
    yield "verdict", told["verdict"]


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return "\n".join(f"{count:,} times {reason}" for reason, count in ordered)


def _clock(clock: Mapping[str, Any]) -> str:
    low, high = clock["between"]
    source = "as declared" if clock["declared"] else "not declared"
    offset = f"taken as {clock['offset']:+.3f} s ahead of this one, {source}"
    return f"{offset}; its answers allow {low:+.3f} to {high:+.3f} s"
