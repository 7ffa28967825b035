"""A schedule: from a GTFS zip to the active version in Postgres."""
