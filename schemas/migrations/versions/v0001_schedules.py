"""The schedules: one active version per feed, its GTFS tables partitioned by version."""

from alembic import op

revision = "0001"
down_revision = None

# Columns are called as in GTFS. `number` is what the narrow rows of stop_times refer to; their
# times are seconds after noon minus 12 h; a headsign of -1 means none (docs/decisions/0002).
SQL = """
CREATE SEQUENCE schedule_versions AS integer;

CREATE TABLE schedules (
    feed_id text PRIMARY KEY CHECK (feed_id ~ '^[a-z0-9_-]+$'),
    version integer NOT NULL UNIQUE,
    source text NOT NULL,
    sha256 text NOT NULL,
    etag text,
    last_modified text,
    last_time integer NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agency (
    version integer NOT NULL,
    agency_id text,
    agency_name text NOT NULL,
    agency_url text,
    agency_timezone text NOT NULL,
    agency_lang text,
    agency_phone text
) PARTITION BY LIST (version);

CREATE TABLE stops (
    version integer NOT NULL,
    number integer NOT NULL,
    stop_id text NOT NULL,
    stop_code text,
    stop_name text,
    stop_desc text,
    stop_lat double precision,
    stop_lon double precision,
    location_type smallint NOT NULL,
    parent_station text,
    platform_code text,
    stop_timezone text,
    wheelchair_boarding smallint,
    PRIMARY KEY (version, stop_id)
) PARTITION BY LIST (version);

CREATE TABLE routes (
    version integer NOT NULL,
    route_id text NOT NULL,
    agency_id text,
    route_short_name text,
    route_long_name text,
    route_desc text,
    route_type integer NOT NULL,
    route_color text,
    route_text_color text,
    route_sort_order integer,
    PRIMARY KEY (version, route_id)
) PARTITION BY LIST (version);

CREATE TABLE trips (
    version integer NOT NULL,
    number integer NOT NULL,
    trip_id text NOT NULL,
    route_id text NOT NULL,
    service_id text NOT NULL,
    trip_headsign text,
    trip_short_name text,
    direction_id smallint,
    block_id text,
    wheelchair_accessible smallint,
    bikes_allowed smallint,
    PRIMARY KEY (version, trip_id)
) PARTITION BY LIST (version);

CREATE TABLE stop_headsigns (
    version integer NOT NULL,
    number integer NOT NULL,
    stop_headsign text NOT NULL
) PARTITION BY LIST (version);

CREATE TABLE stop_times (
    version integer NOT NULL,
    trip integer NOT NULL,
    stop_sequence integer NOT NULL,
    stop integer NOT NULL,
    arrival integer NOT NULL,
    departure integer NOT NULL,
    headsign integer NOT NULL,
    pickup_type smallint NOT NULL,
    drop_off_type smallint NOT NULL
) PARTITION BY LIST (version);

CREATE TABLE calendar (
    version integer NOT NULL,
    service_id text NOT NULL,
    monday smallint NOT NULL,
    tuesday smallint NOT NULL,
    wednesday smallint NOT NULL,
    thursday smallint NOT NULL,
    friday smallint NOT NULL,
    saturday smallint NOT NULL,
    sunday smallint NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    PRIMARY KEY (version, service_id)
) PARTITION BY LIST (version);

CREATE TABLE calendar_dates (
    version integer NOT NULL,
    service_id text NOT NULL,
    date date NOT NULL,
    exception_type smallint NOT NULL,
    PRIMARY KEY (version, date, service_id)
) PARTITION BY LIST (version);

CREATE TABLE frequencies (
    version integer NOT NULL,
    trip_id text NOT NULL,
    start_time integer NOT NULL,
    end_time integer NOT NULL,
    headway_secs integer NOT NULL,
    exact_times smallint NOT NULL,
    PRIMARY KEY (version, trip_id, start_time)
) PARTITION BY LIST (version);

CREATE TABLE feed_info (
    version integer NOT NULL,
    feed_publisher_name text,
    feed_publisher_url text,
    feed_lang text,
    feed_version text,
    feed_start_date date,
    feed_end_date date
) PARTITION BY LIST (version);

CREATE TABLE attributions (
    version integer NOT NULL,
    organization_name text NOT NULL,
    is_producer smallint NOT NULL,
    is_operator smallint NOT NULL,
    is_authority smallint NOT NULL,
    attribution_url text,
    attribution_email text,
    attribution_phone text
) PARTITION BY LIST (version)
"""


def upgrade() -> None:
    op.execute(SQL)
