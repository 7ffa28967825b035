"""`GET /v1/stops` and `/v1/stops/{stop_id}`: the stops of the active schedules, out of Postgres."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.parameters import parameters
from gateway.paths import StopRoute
from gateway.problems import Problem
from gateway.stop_search import Position, StopSearch

# A schedule changes a few times a year; a minute's delay is unseen. What was asked for with a
# token must not be kept for those who have none (RFC 9111, section 3.5).
CACHE_CONTROL = "public, max-age=60"
CACHE_CONTROL_OF_GRANT = "private, max-age=60"

# A platform has its station's time zone (stops.txt, stop_timezone), and that its agency's.
_STOPS = """
SELECT f.feed_id || ':' || s.stop_id AS stop_id, s.stop_name AS name, s.stop_code AS code,
       s.location_type, s.platform_code, f.feed_id || ':' || s.parent_station AS parent_id,
       s.stop_lat AS lat, s.stop_lon AS lon,
       coalesce(station.stop_timezone, s.stop_timezone, agency.timezone) AS timezone,
       s.wheelchair_boarding, f.version, s.stop_id AS gtfs_stop_id
FROM schedules f
JOIN stops s ON s.version = f.version
LEFT JOIN stops station ON station.version = s.version AND station.stop_id = s.parent_station
LEFT JOIN LATERAL (
    SELECT min(agency_timezone) AS timezone FROM agency WHERE agency.version = f.version
) agency ON true
"""

# Nearest first, else stations first; then by name. Great-circle distance by the haversine formula
# on a sphere of 6,371,008.8 m (the mean radius of WGS 84).
_SEARCH = f"""
WITH boards AS ({_STOPS} WHERE s.location_type IN (0, 1)),
ordered AS (
    SELECT *, CASE location_type WHEN 1 THEN 0 ELSE 1 END AS rank, coalesce(name, '') AS sort_name,
           CASE WHEN $2::float8 IS NULL THEN 0 ELSE 2 * 6371008.8 * asin(least(1, sqrt(
               sin(radians(lat - $2) / 2) ^ 2
               + cos(radians($2)) * cos(radians(lat)) * sin(radians(lon - $3::float8) / 2) ^ 2
           ))) END AS distance
    FROM boards
    WHERE $1::text = '' OR strpos(lower(name), lower($1)) > 0 OR strpos(lower(code), lower($1)) > 0
)
SELECT * FROM ordered
WHERE distance <= $4
  AND ($5::float8 IS NULL OR (distance, rank, sort_name, stop_id) > ($5, $6::int, $7, $8))
ORDER BY distance, rank, sort_name, stop_id
LIMIT $9
"""  # noqa: S608  # no value is written into it

_ROUTES = """
SELECT route_id, agency_id, route_short_name AS short_name, route_long_name AS long_name,
       route_color AS color, route_text_color AS text_color, route_type AS type
FROM routes
WHERE version = $1 AND route_id IN (
    SELECT t.route_id
    FROM stops s
    JOIN stop_times st ON st.version = $1 AND st.stop = s.number
    JOIN trips t ON t.version = $1 AND t.number = st.trip
    WHERE s.version = $1 AND (s.stop_id = $2 OR s.parent_station = $2)
)
ORDER BY route_sort_order, route_short_name, route_id
"""

_STOP_MEMBERS = (
    "stop_id",
    "name",
    "code",
    "location_type",
    "platform_code",
    "parent_id",
    "lat",
    "lon",
    "timezone",
    "wheelchair_boarding",
)
_ROUTE_MEMBERS = ("short_name", "long_name", "color", "text_color", "type", "agency_id")


def _present(row: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    """Absent means unknown: no member is null."""
    return {name: row[name] for name in members if row[name] is not None}


def _json(request: Request, body: dict[str, Any]) -> Response:
    granted = "grant" in request.scope
    headers = {"Cache-Control": CACHE_CONTROL_OF_GRANT if granted else CACHE_CONTROL}
    return Response(orjson.dumps(body), 200, headers, "application/json")


async def stops(request: Request) -> Response:
    search = parameters(StopSearch, request.query_params)
    after = search.cursor or (None,) * len(Position._fields)
    rows = await request.app.state.database.fetch(
        _SEARCH, search.q, search.lat, search.lon, search.radius, *after, search.limit + 1
    )
    found = rows[: search.limit]
    body: dict[str, Any] = {"stops": [_present(row, _STOP_MEMBERS) for row in found]}
    if search.lat is not None:
        for stop, row in zip(body["stops"], found, strict=True):
            stop["distance"] = round(row["distance"])
    if len(rows) > search.limit:
        last = found[-1]
        end = Position(last["distance"], last["rank"], last["sort_name"], last["stop_id"])
        body["next"] = end.encode()
    return _json(request, body)


async def stop(request: Request) -> Response:
    stop_id, database = request.path_params["stop_id"], request.app.state.database
    rows = await database.fetch(
        f"{_STOPS} WHERE f.feed_id = $1 AND s.stop_id = $2",  # no value is written into it
        stop_id.feed_id,
        stop_id.stop_id,
    )
    if not rows:
        raise Problem(404, "unknown_stop", f"There is no stop {str(stop_id)!r}.")
    # The version as a value: the planner then opens this schedule's partitions only.
    routes = await database.fetch(_ROUTES, rows[0]["version"], stop_id.stop_id)
    body = _present(rows[0], _STOP_MEMBERS)
    body["routes"] = {
        f"{stop_id.feed_id}:{route['route_id']}": _present(route, _ROUTE_MEMBERS)
        for route in routes
    }
    return _json(request, body)


ROUTES: list[BaseRoute] = [Route("/v1/stops", stops), StopRoute("/v1/stops/{stop_id:stop}", stop)]
