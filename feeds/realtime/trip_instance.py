"""One run of a trip, and what names it poll after poll."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Self

from google.transit.gtfs_realtime_pb2 import TripDescriptor

from feeds.timetable.entities import Trip

_KEY_BYTES = 6  # 48 bits: one chance in a billion that two of 750 trips at one stop share a key


@dataclass(frozen=True, slots=True)
class TripInstance:
    """One run of a trip on one service day; `trip` is None where the schedule has no such trip.

    `start_time` (seconds after noon minus 12 h) tells the runs of a frequency trip and the copies
    of a trip apart. `shift` are the seconds that its scheduled times are to be moved by. `copy`: an
    added trip under the id of a scheduled one. `headsign` and `short_name` are what realtime says
    instead of the schedule.
    """

    trip_id: str
    service_date: date | None
    start_time: int | None
    trip: Trip | None
    route_id: str
    direction_id: int | None = None
    shift: int = 0
    copy: bool = False
    headsign: str | None = None
    short_name: str | None = None

    @classmethod
    def scheduled(
        cls, trip: Trip, service_date: date, start_time: int | None = None, shift: int = 0
    ) -> Self:
        """A run that the schedule has."""
        return cls(
            trip.trip_id,
            service_date,
            start_time,
            trip,
            trip.route_id,
            trip.direction_id,
            shift,
        )

    @classmethod
    def unscheduled(
        cls,
        descriptor: TripDescriptor,
        service_date: date | None,
        *,
        start_time: int | None = None,
        copy: bool = False,
    ) -> Self:
        """A run that only realtime has."""
        return cls(
            descriptor.trip_id.strip(),
            service_date,
            start_time,
            None,
            descriptor.route_id,
            descriptor.direction_id if descriptor.HasField("direction_id") else None,
            copy=copy,
        )

    @property
    def added(self) -> bool:
        """Whether the schedule does not have this run."""
        return self.trip is None or self.copy or self.trip.trip_id != self.trip_id

    @property
    def exact(self) -> bool:
        """Whether the schedule says when it runs: all but frequency trips with exact_times=0."""
        if self.trip is None:
            return False
        periods = self.trip.frequencies
        start = self.start_time or 0
        within = [period for period in periods if period.start <= start < period.end]
        return not periods or any(period.exact for period in within or periods)

    def key(self, feed_id: str) -> str:
        """The part of its arrivals' keys that all of them share: short, since patches repeat it.

        A copy under an id of its own is named by that alone, so that an ADDED and a DUPLICATED
        entity of one trip are the same (rule 16).
        """
        day = "" if self.service_date is None else f"{self.service_date:%Y%m%d}"
        named = self.copy or not self.added
        start = str(self.start_time) if named and self.start_time is not None else ""
        text = "\0".join((feed_id, self.trip_id, day, start, "+" if self.copy else ""))
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=_KEY_BYTES).digest()
        return urlsafe_b64encode(digest).decode()
