"""Decoding a big message poll after poll, against parsing and walking it whole, in one run.

    python bench/decode.py [--runs 15]

The message is the NYC buses' of 2026-01-28: 3.26 MB, 5,801 trips, 90,879 stop time updates.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

from google.transit.gtfs_realtime_pb2 import FeedMessage

from bench.captures import NYC_BUSES
from feeds.realtime.decode import decode, split

CHANGED = 0.10


def ignore(kind: str, example: str) -> None:
    """Nothing is wrong with this message."""


def parse_and_walk(data: bytes) -> int:
    """What a consumer does that looks at every field it needs, every time."""
    count = 0
    for entity in FeedMessage.FromString(data).entity:
        update = entity.trip_update
        _ = update.trip.trip_id, update.trip.start_date
        for call in update.stop_time_update:
            _ = call.stop_sequence, call.stop_id, call.arrival.time, call.departure.time
            count += 1
    return count


def changed(data: bytes, share: float) -> bytes:
    """The same message a minute later: in so many of its trips every time has moved."""
    message = FeedMessage.FromString(data)
    rng = random.Random(1)  # noqa: S311  # which trips change
    for entity in rng.sample(list(message.entity), int(len(message.entity) * share)):
        for call in entity.trip_update.stop_time_update:
            call.arrival.time += 30
            call.departure.time += 30
    message.header.timestamp += 60
    return message.SerializeToString()


def next_poll(data: bytes) -> bytes:
    """The same entities under a newer header."""
    message = FeedMessage.FromString(data)
    message.header.timestamp += 30
    return message.SerializeToString()


def milliseconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    data = NYC_BUSES.read_bytes()
    unchanged, tenth = next_poll(data), changed(data, CHANGED)
    _, known = split(data)
    cases: dict[str, Callable[[], object]] = {
        "parse and walk": lambda: parse_and_walk(data),
        "first poll": lambda: decode(data, (), ignore),
        "unchanged poll": lambda: decode(unchanged, known, ignore),
        "10 % changed": lambda: decode(tenth, known, ignore),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):  # side by side, so that a noisy moment hits all of them
        for name, work in cases.items():
            times[name].append(milliseconds(work))
    floor = statistics.median(times["parse and walk"])
    print(f"{len(data):,} bytes, {len(known):,} entities, median of {runs}")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"{name:16} {median:7.2f} ms {median / floor:7.1%}")


if __name__ == "__main__":
    main()
