"""What quiet updates save on the NYC subway's replay, and how wrong the boards are for it.

    python bench/quiet.py [--polls 80] [--quiet 30]

80 polls in one process, the clock ticking every second between them, once exactly and once quietly.
"""

import argparse
from collections.abc import Iterator

from bench.subway import subway
from feeds.ingest.publication import Publications, Versions
from feeds.realtime.captures import capture_time
from feeds.realtime.pipeline import Pipeline
from feeds.realtime.quiet import EXACT, SHARE
from schemas.arrivals import Arrival


class Published:
    """One pipeline, and what it would have sent."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.publications = Publications(Versions())
        self.patches = self.patch_bytes = 0

    def publish(self, now: int) -> set[str]:
        stops = set()
        for change in self.pipeline.changes(self.pipeline.pending(now), now):
            sent = self.publications.of(change)
            stops.add(change.stop_id)
            if sent.prev is not None:
                self.patches += 1
                self.patch_bytes += len(sent.frame)
        return stops

    def arrivals(self, stop_id: str) -> dict[str, Arrival]:
        return self.pipeline.boards.boards[stop_id]["arrivals"]


def errors(exact: Published, quiet: Published, stop_id: str) -> Iterator[tuple[int, int]]:
    """Of each prediction that is not exact: by how many seconds, and the earlier of both times."""
    for key, true in exact.arrivals(stop_id).items():
        shown = quiet.arrivals(stop_id)[key]
        for event in ("arrival", "departure"):
            one, other = true.get(event), shown.get(event)
            if isinstance(one, int) and isinstance(other, int) and one != other:
                yield abs(one - other), min(one, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polls", type=int, default=80)
    parser.add_argument("--quiet", type=float, default=30)
    given = parser.parse_args()
    captures, timetable = subway(given.polls)
    exact, quiet = (Published(Pipeline(timetable, quiet=q)) for q in (0, given.quiet))
    inexact: dict[str, list[tuple[int, int]]] = {}
    largest, share, above = 0, 0.0, 0
    ends = [*map(capture_time, captures[1:]), capture_time(captures[-1]) + 60]
    for data, end in zip(captures, ends, strict=True):
        for each in (exact, quiet):
            each.pipeline.poll(0, data, capture_time(data))
        for now in range(capture_time(data), end):
            for stop_id in exact.publish(now) | quiet.publish(now):
                inexact[stop_id] = list(errors(exact, quiet, stop_id))
            for error, moment in (pair for pairs in inexact.values() for pair in pairs):
                left = moment - now
                largest, share = max(largest, error), max(share, error / left)
                above += error > (min(given.quiet, left / SHARE) if left > EXACT else 0)
    print(f"{len(captures)} polls, {len(timetable.stops):,} stops, quiet = {given.quiet:g}")
    for name, each in (("exact", exact), ("quiet", quiet)):
        print(f"{name}: {each.patches:8,} patches {each.patch_bytes:12,} bytes")
    print(
        f"saved: {1 - quiet.patches / exact.patches:8.1%} patches "
        f"{1 - quiet.patch_bytes / exact.patch_bytes:11.1%} bytes"
    )
    print(
        f"largest error: {largest} s, {share:.2%} of the time left; "
        f"seconds above the bound, over all predictions: {above}"
    )


if __name__ == "__main__":
    main()
