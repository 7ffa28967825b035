"""How an endpoint is: how old what it says is, and how often it answers."""

from schemas.answers import EndpointReport, Finding
from schemas.arrivals import FeedStatus

TRIPS_FRESH = 90  # seconds (GTFS-Realtime best practices) …
ALERTS_FRESH = 600  # … and of an endpoint that only has alerts
POLLS_FRESH = 3  # polls in a row may bring nothing new
_ORDER: tuple[FeedStatus, ...] = ("live", "stale", "down")


class EndpointHealth:
    """What happened at one endpoint since the process began. Times are POSIX seconds.

    `kinds`: of entities that it has told, former owners of the feed asked too.
    """

    def __init__(self, interval: float, expiry: float, begun: float) -> None:
        self.interval = interval
        self.expiry = expiry
        self.polls = 0
        self.failures = 0
        self.fetch_seconds = 0.0
        self.messages = 0
        self.decode_seconds = 0.0
        self.last_success: float | None = None
        self.last_error: str | None = None
        self.kinds: set[str] = set()
        self._begun = begun

    def succeeded(self, wall: float) -> None:
        """A poll was answered with a message that can be used, or with nothing new."""
        self.polls += 1
        self.last_success = wall

    def failed(self, why: str) -> None:
        """A poll brought nothing that can be used."""
        self.polls += 1
        self.failures += 1
        self.last_error = why

    def fetched(self, seconds: float) -> None:
        """A poll took so long, whatever it brought."""
        self.fetch_seconds += seconds

    def decoded(self, seconds: float) -> None:
        """A message took so long to take in, whether it could be used or not."""
        self.messages += 1
        self.decode_seconds += seconds

    @property
    def may_tell_trips(self) -> bool:
        """Whether it is one of trip updates; one that never told anything may be, at night."""
        return "trip_update" in self.kinds or not self.kinds

    @property
    def fresh(self) -> float:
        """Seconds for which its data counts as live."""
        limit = ALERTS_FRESH if self.kinds == {"alert"} else TRIPS_FRESH
        return max(limit, POLLS_FRESH * self.interval)

    @property
    def limit(self) -> float:
        """Seconds for which its data is shown."""
        return self.fresh + self.expiry

    def expired(self, timestamp: float, now: float) -> bool:
        """Whether data of that time is too old to be shown at `now`, both by the board clock."""
        return now - timestamp > self.limit

    def status(self, timestamp: float | None, now: float, wall: float) -> FeedStatus:
        """Its status at `now` by the board clock, `wall` by ours."""
        silent = wall - (self.last_success or self._begun)
        if silent > self.limit:
            return "down"
        if timestamp is None or now - timestamp > self.fresh:
            return "stale"
        return "live"

    def report(
        self, shown: str, status: FeedStatus, timestamp: float | None, quality: dict[str, Finding]
    ) -> EndpointReport:
        """As it stands in `/v1/feeds/{id}`."""
        told: EndpointReport = {
            "url": shown,
            "status": status,
            "kinds": sorted(self.kinds),
            "interval": self.interval,
            "polls": self.polls,
            "failures": self.failures,
            "messages": self.messages,
            "fetch_seconds": round(self.fetch_seconds, 4),
            "decode_seconds": round(self.decode_seconds, 4),
            "quality": quality,
        }
        if self.polls:
            told["success_rate"] = round(1 - self.failures / self.polls, 4)
        if timestamp is not None:
            told["timestamp"] = int(timestamp)
        if self.last_success is not None:
            told["last_success"] = int(self.last_success)
        if self.last_error is not None:
            told["last_error"] = self.last_error
        return told


def worst(statuses: list[FeedStatus]) -> FeedStatus:
    """A feed is as well as its worst trip endpoint; one without endpoints is its schedule: live."""
    return max(statuses, key=_ORDER.index, default="live")
