"""What a phone receives from one busy platform of the NYC subway's replay, in bytes and events.

    python bench/transfer.py [--polls 80] [--quiet 30]

Streams plain and in gzip, and the same changes as the MBTA V3 API streams predictions: one JSON:API
object for each that is added, updated or removed, all of them after a connect, never compressed.
Chunk sizes count, heartbeats do not. 80 polls in one process, the clock ticking every second.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from bench.subway import subway
from feeds.ingest.publication import Publications, Versions
from feeds.realtime.captures import capture_time
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.timetable import Timetable
from gateway.coding import GZIP, PLAIN, Coding, chunk
from gateway.event import Event
from schemas import frames
from schemas.arrivals import Arrival, Board

Resources = dict[str, dict[str, Any]]


def iso(seconds: int | None, zone: ZoneInfo) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, zone).isoformat()


def related(kind: str, identity: str | None) -> dict[str, Any]:
    return {"data": identity and {"id": identity, "type": kind}}


def prediction(stop_id: str, arrival: Arrival, zone: ZoneInfo) -> dict[str, Any]:
    """The resource of api-v3.mbta.com/predictions, nothing included."""
    trip, route = arrival["trip_id"], arrival["route_id"].partition(":")[2]
    sequence = arrival.get("stop_sequence")
    unusual = arrival["status"] in {"canceled", "skipped"}
    return {
        "attributes": {
            "arrival_time": iso(arrival.get("arrival"), zone),
            "arrival_uncertainty": arrival.get("uncertainty"),
            "departure_time": iso(arrival.get("departure"), zone),
            "departure_uncertainty": arrival.get("uncertainty"),
            "direction_id": arrival.get("direction_id"),
            "last_trip": False,
            "revenue": "REVENUE",
            "schedule_relationship": arrival["status"].upper() if unusual else None,
            "status": None,
            "stop_sequence": sequence,
            "update_type": "MID_TRIP",
        },
        "id": f"prediction-{trip}-{stop_id}-{sequence}",
        "relationships": {
            "route": related("route", route),
            "stop": related("stop", stop_id),
            "trip": related("trip", trip),
            "vehicle": related("vehicle", arrival.get("vehicle", {}).get("id")),
        },
        "type": "prediction",
    }


def predictions(board: Board) -> Resources:
    """What that API knows of a board: calls with a prediction, or that do not happen."""
    zone = ZoneInfo(board["stop"]["timezone"])
    stop_id = board["stop_id"].partition(":")[2]
    told = (
        prediction(stop_id, arrival, zone)
        for arrival in board["arrivals"].values()
        if arrival["status"] in {"predicted", "canceled", "skipped"}
    )
    return {resource["id"]: resource for resource in told}


def reset(now: Resources) -> bytes:
    return b"event: reset\ndata: %b\n\n" % orjson.dumps(list(now.values()))


def changes(before: Resources, now: Resources) -> Iterator[bytes]:
    """Its events: one for each resource, or a reset where that many changed."""
    added = [now[one] for one in now.keys() - before.keys()]
    updated = [now[one] for one in now.keys() & before.keys() if now[one] != before[one]]
    removed = [{"id": one, "type": "prediction"} for one in before.keys() - now.keys()]
    if not before or len(added) + len(updated) + len(removed) > len(now):
        yield reset(now)
        return
    for name, resources in (("add", added), ("update", updated), ("remove", removed)):
        for resource in resources:
            yield frames.event(name, resource)


class Transfer:
    """Bytes and events that one stream took, by form."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.connects: dict[str, list[int]] = {"plain": [], "gzip": [], "MBTA": []}

    def sends(self, version: int, frame: bytes) -> None:
        for form, size in shared(version, frame).items():
            self.bytes[form] += size
            self.events[form] += 1

    def sends_predictions(self, events: Iterable[bytes]) -> None:
        for event in events:
            self.bytes["MBTA"] += len(chunk(event))
            self.events["MBTA"] += 1

    def connects_to(self, board: Board) -> None:
        sizes = shared(board["version"], frames.snapshot(board))
        sizes["MBTA"] = len(chunk(reset(predictions(board))))
        for form, size in sizes.items():
            self.connects[form].append(size)


def shared(version: int, frame: bytes) -> dict[str, int]:
    event = Event(version, frame)
    codings: dict[str, Coding] = {"plain": PLAIN, "gzip": GZIP}
    return {form: len(event.chunk(coding, numbered=True)) for form, coding in codings.items()}


def beginning(coding: Coding) -> int:
    """What every connection gets; all that one gets which has missed nothing."""
    feed = {"feed_id": "nyct", "status": "live", "timestamp": 1707397157, "now": 1707397157}
    pieces = frames.retry(2345), frames.event("feed", feed)
    return len(chunk(coding.opening + b"".join(map(coding.encode, pieces))))


def busiest(boards: Mapping[str, Board]) -> str:
    """The platform with the most predictions."""
    platforms = [stop for stop, board in boards.items() if not board["stop"].get("location_type")]
    return max(platforms, key=lambda stop: len(predictions(boards[stop])))


def replay(captures: list[bytes], timetable: Timetable, quiet: float) -> tuple[str, Transfer]:
    pipeline, publications = Pipeline(timetable, quiet=quiet), Publications(Versions())
    transfer = Transfer()
    stop_id, before = "", Resources()
    ends = [*map(capture_time, captures[1:]), capture_time(captures[-1]) + 60]
    for data, end in zip(captures, ends, strict=True):
        pipeline.poll(0, data, capture_time(data))
        for now in range(capture_time(data), end):
            for change in list(pipeline.changes(pipeline.pending(now), now)):
                sent = publications.of(change)
                if change.stop_id == stop_id:
                    after = predictions(change.after)
                    transfer.sends(sent.version, sent.frame)
                    transfer.sends_predictions(changes(before, after))
                    before = after
            if not stop_id:
                stop_id = busiest(pipeline.boards.boards)
                before = predictions(pipeline.boards.boards[stop_id])
        transfer.connects_to(pipeline.boards.boards[stop_id])
    return stop_id, transfer


def table(transfer: Transfer, minutes: float) -> Iterator[tuple[str, dict[str, float]]]:
    connects = {form: mean(sizes) for form, sizes in transfer.connects.items()}
    nothing = {"plain": beginning(PLAIN), "gzip": beginning(GZIP)}
    yield "events a minute", {form: count / minutes for form, count in transfer.events.items()}
    yield "bytes a minute", {form: size / minutes for form, size in transfer.bytes.items()}
    yield "bytes an event", {f: size / transfer.events[f] for f, size in transfer.bytes.items()}
    yield "reconnect, board changed", connects
    yield "reconnect, nothing missed", {**connects, **nothing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polls", type=int, default=80)
    parser.add_argument("--quiet", type=float, default=30)
    given = parser.parse_args()
    captures, timetable = subway(given.polls)
    minutes = (capture_time(captures[-1]) + 60 - capture_time(captures[0])) / 60
    print(f"{len(captures)} polls, {minutes:.0f} minutes")
    for quiet in (given.quiet, 0):
        stop_id, transfer = replay(captures, timetable, quiet)
        print(f"\n{f'{stop_id}, quiet = {quiet:g}':26}       plain        gzip     MBTA V3")
        for name, figures in table(transfer, minutes):
            values = (f"{figures[form]:12,.1f}" for form in ("plain", "gzip", "MBTA"))
            print(f"{name:26}{''.join(values)}")


if __name__ == "__main__":
    main()
