"""Search: an entry per station or lone stop, their words, and which routes call at a stop."""

from alembic import op

revision = "0003"
down_revision = "0002"

# An import fills them with its version (schemas/search/stored.py); `stopcast db migrate` does so for
# the versions that are there. Ranks below 65536 are the head of each schedule (docs/decisions/0028).
SQL = """
CREATE TABLE stop_routes (
    version integer NOT NULL,
    stop integer NOT NULL,
    route_id text NOT NULL,
    PRIMARY KEY (version, stop, route_id)
) PARTITION BY LIST (version);

CREATE TABLE search_stops (
    version integer NOT NULL,
    stop_id text COLLATE "C" NOT NULL,
    rank integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    words tsvector NOT NULL,
    location point
) PARTITION BY LIST (version);
CREATE INDEX ON search_stops (rank, name, stop_id);
CREATE INDEX ON search_stops USING gin (words);
CREATE INDEX ON search_stops USING gin (words) WHERE rank < 65536;
CREATE INDEX ON search_stops USING gist (location);

CREATE TABLE search_words (
    version integer NOT NULL,
    word text COLLATE "C" NOT NULL,
    entries integer NOT NULL,
    keys text[] COLLATE "C" NOT NULL
) PARTITION BY LIST (version);
CREATE INDEX ON search_words USING gin (keys);

CREATE INDEX ON stops (parent_station) WHERE parent_station IS NOT NULL
"""


def upgrade() -> None:
    op.execute(SQL)
