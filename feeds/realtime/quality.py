"""What was wrong with a feed: counts by kind, each with the last example; of the feed and of each endpoint."""

from collections import Counter
from collections.abc import Mapping

from schemas.answers import Fate, Finding

KINDS: Mapping[str, Fate] = {
    "message_empty": "refused",
    "message_malformed": "refused",
    "message_too_large": "refused",
    "message_differential": "refused",
    "message_header_ahead": "refused",
    "message_header_back": "out_of_order",
    "message_stale": "late",
    "feed_version_disagrees": "unmatched",
    "entity_malformed": "dropped",
    "entity_too_large": "dropped",
    "entity_deleted": "dropped",
    "entity_empty": "dropped",
    "trip_id_missing": "unmatched",
    "trip_ambiguous": "unmatched",
    "trip_not_running": "unmatched",
    "trip_unscheduled": "unmatched",
    "start_time_missing": "unmatched",
    "start_time_malformed": "repaired",
    "start_date_malformed": "repaired",
    "start_date_calendar": "repaired",
    "start_time_disagrees": "repaired",
    "route_disagrees": "repaired",
    "route_unknown": "repaired",
    "relationship_disagrees": "repaired",
    "new_trip_is_scheduled": "dropped",
    "duplicate_incomplete": "dropped",
    "duplicate_of_frequencies": "dropped",
    "trip_without_stops": "dropped",
    "stop_time_relative": "dropped",
    "delay_unscheduled": "dropped",
    "modification_unsupported": "unmatched",
    "modification_unknown": "dropped",
    "modification_repeated": "dropped",
    "trip_update_repeated": "repaired",
    "trip_update_expired": "late",
    "trip_update_ahead": "repaired",
    "stop_not_in_trip": "dropped",
    "stop_unknown": "dropped",
    "stop_repeated": "dropped",
    "stop_time_empty": "dropped",
    "stop_event_unusable": "dropped",
    "no_data_with_times": "dropped",
    "assigned_stop_unknown": "unmatched",
    "stop_disagrees_moved": "repaired",
    "stop_disagrees_unknown": "repaired",
    "stop_sequence_decreasing": "out_of_order",
    "times_decreasing": "repaired",
    "vehicle_ahead": "dropped",
    "vehicle_without_trip": "unmatched",
    "vehicle_trip_unmatched": "unmatched",
    "vehicle_off_trip": "unmatched",
    "vehicle_off_globe": "dropped",
    "vehicle_expired": "late",
    "alert_entity_empty": "dropped",
    "alert_entity_unknown": "unmatched",
}
"""What became of what was wrong; docs/operations.md tells what each kind means."""

EXAMPLE = 200
"""Characters of an example: ids of a feed are as long as it likes."""


class Quality:
    """Counts since the process began to own the feed."""

    def __init__(self, whole: "Quality | None" = None) -> None:
        """`whole`: counts all that is counted here, too."""
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self._whole = whole
        self._parts: dict[int, Quality] = {}

    def part(self, endpoint: int) -> "Quality":
        """That of one endpoint, by its position in the feed's configuration."""
        if endpoint not in self._parts:
            self._parts[endpoint] = Quality(self)
        return self._parts[endpoint]

    def note(self, kind: str, example: str) -> None:
        """Count one more of this kind; the example names the entity, trip or value, or begins to."""
        self.counts[kind] += 1
        self.examples[kind] = example[:EXAMPLE]
        if self._whole:
            self._whole.note(kind, example)

    def report(self) -> dict[str, Finding]:
        """As it stands in `/v1/feeds/{id}`."""
        return {
            kind: {
                "count": count,
                "fate": KINDS.get(kind, "dropped"),
                "example": self.examples[kind],
            }
            for kind, count in sorted(self.counts.items())
        }
