"""What any bytes may do to us: nothing but a DecodeError (bench/fuzz.py, tests/unit/test_fuzz.py)."""

from collections.abc import Callable
from contextlib import suppress

import orjson

from feeds.ingest.publication import Publications, Versions
from feeds.realtime.decode import DecodeError, decode
from feeds.realtime.pipeline import Pipeline
from feeds.timetable.entities import Frequency
from schemas import merge_patch
from tests.timetables import Row, make_timetable, message, posix, stop, trip_update

STOPS = [stop("station", location_type=1), stop("n1", "station"), stop("n2", "station")]
TRIPS: dict[str, list[Row]] = {
    "t": [
        (1, "n1", "10:00:00", "10:01:00"),
        (2, "b", "10:20:00", "10:20:00"),
        (5, "c", "10:40:00", "10:40:00"),
    ],
    "loop": [
        (1, "b", "10:00:00", "10:00:00"),
        (2, "c", "10:10:00", "10:10:00"),
        (3, "b", "10:20:00", "10:20:00"),
    ],
    "night": [(1, "n2", "25:00:00", "25:00:00"), (2, "b", "26:00:00", "26:00:00")],
    "exact": [(1, "n1", "08:00:00", "08:00:00"), (2, "b", "08:10:00", "08:10:00")],
    "about": [(1, "n1", "08:00:00", "08:00:00"), (2, "b", "08:10:00", "08:10:00")],
}
PERIOD = 9 * 3600, 12 * 3600, 600
FREQUENCIES = {
    "exact": (Frequency(*PERIOD, exact=True),),
    "about": (Frequency(*PERIOD, exact=False),),
}
TIMETABLE = make_timetable(TRIPS, stops=STOPS, frequencies=FREQUENCIES)
NOW = posix("09:55:00")
BEFORE = message(
    trip_update("t", {"stop_sequence": 1, "departure": 60}),
    trip_update("x", {"stop_id": "b", "arrival": "10:05:00"}, schedule_relationship="NEW", route_id="r"),
    timestamp=NOW,
)  # fmt: skip


def ignore(kind: str, example: str) -> None:
    """What is wrong is counted elsewhere; here it only must not raise."""


def decode_any(data: bytes) -> None:
    """Decoded against nothing, and against itself: then nothing is new."""
    with suppress(DecodeError):
        first = decode(data, (), ignore)
        again = decode(data, first.entities, ignore)
        assert not again.added
        assert not again.removed


def poll_any(data: bytes) -> None:
    """Polled between ordinary messages, boards made and encoded after each and as time passes."""
    pipeline = Pipeline(TIMETABLE, quiet=30)
    for endpoint, poll, now in ((0, BEFORE, NOW), (1, data, NOW + 1), (0, data, NOW + 600)):
        with suppress(DecodeError):
            pipeline.poll(endpoint, poll, now)
        _publish(pipeline, now)
    _publish(pipeline, NOW + 1200)
    orjson.dumps(pipeline.quality.report())
    for endpoint in (0, 1):
        pipeline.withdraw_older(endpoint, NOW)
    pipeline.switch(TIMETABLE, NOW + 1300)
    _publish(pipeline, NOW + 1300)
    pipeline.withdraw(1)
    _publish(pipeline, NOW + 1400)


def _publish(pipeline: Pipeline, now: int) -> None:
    publications = Publications(Versions(lambda: now))
    for change in pipeline.changes(pipeline.pending(now), now):
        sent = publications.of(change)
        if change.before is not None:
            patched = merge_patch.apply(change.before, change.patch)
            assert {**patched, "version": sent.version} == change.after


TARGETS: dict[str, Callable[[bytes], None]] = {"decode": decode_any, "poll": poll_any}
