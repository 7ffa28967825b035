"""`GET /v1/stops` and `/v1/stops/{stop_id}`: the stops of the active schedules, out of Postgres."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.database import Database
from gateway.json_answer import json_answer
from gateway.parameters import parameters
from gateway.paths import StopRoute
from gateway.problems import Problem
from gateway.stop_finder import StopFinder
from gateway.stop_search import StopSearch
from schemas.search.entries import STATION

# A schedule changes a few times a year; a minute's delay is unseen. What was asked for with a
# token must not be kept for those who have none (RFC 9111, section 3.5).
CACHE_CONTROL = "public, max-age=60"
CACHE_CONTROL_OF_GRANT = "private, max-age=60"

_ASKED = """
WITH asked AS (
    SELECT f.feed_id, f.version, a.place, a.stop_id
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (feed_id, stop_id, place)
    JOIN schedules f USING (feed_id)
)
"""

# A platform has its station's time zone (stops.txt, stop_timezone), and that its agency's, of which a
# schedule has only one.
_STOPS = f"""
{_ASKED}
SELECT f.feed_id || ':' || s.stop_id AS stop_id, s.stop_name AS name, s.stop_code AS code,
       s.location_type, s.platform_code, f.feed_id || ':' || s.parent_station AS parent_id,
       s.stop_lat AS lat, s.stop_lon AS lon,
       coalesce(station.stop_timezone, s.stop_timezone, agency.timezone) AS timezone,
       s.wheelchair_boarding, f.version
FROM asked f
JOIN stops s ON s.version = f.version AND s.stop_id = f.stop_id
LEFT JOIN stops station ON station.version = s.version AND station.stop_id = s.parent_station
LEFT JOIN LATERAL (
    SELECT agency_timezone AS timezone FROM agency WHERE agency.version = f.version LIMIT 1
) agency ON true
ORDER BY f.place
"""  # noqa: S608  # no value is written into it

_PLATFORMS = f"""
{_ASKED}
SELECT f.feed_id || ':' || f.stop_id AS station_id, f.feed_id || ':' || s.stop_id AS stop_id,
       s.stop_name AS name, s.stop_code AS code, s.platform_code,
       s.stop_lat AS lat, s.stop_lon AS lon, s.wheelchair_boarding
FROM asked f
JOIN stops s ON s.version = f.version AND s.parent_station = f.stop_id AND s.location_type = 0
ORDER BY length(s.platform_code), s.platform_code, s.stop_name, s.stop_id
"""  # noqa: S608  # no value is written into it

_ROUTES = """
SELECT route_id, agency_id, route_short_name AS short_name, route_long_name AS long_name,
       route_color AS color, route_text_color AS text_color, route_type AS type
FROM routes
WHERE version = $1 AND route_id = ANY (ARRAY (
    SELECT DISTINCT r.route_id
    FROM (
        SELECT number FROM stops WHERE version = $1 AND stop_id = $2
        UNION ALL SELECT number FROM stops WHERE version = $1 AND parent_station = $2
    ) s
    -- OFFSET keeps the planner from reading all of stop_routes.
    CROSS JOIN LATERAL (
        SELECT route_id FROM stop_routes WHERE version = $1 AND stop = s.number OFFSET 0
    ) r
))
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
_PLATFORM_MEMBERS = (
    "stop_id",
    "name",
    "code",
    "platform_code",
    "lat",
    "lon",
    "wheelchair_boarding",
)
_ROUTE_MEMBERS = ("short_name", "long_name", "color", "text_color", "type", "agency_id")


def _present(row: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    """Absent means unknown: no member is null."""
    return {name: row[name] for name in members if row[name] is not None}


def _json(request: Request, body: dict[str, Any]) -> Response:
    granted = "grant" in request.scope
    return json_answer(body, CACHE_CONTROL_OF_GRANT if granted else CACHE_CONTROL)


async def _summaries(
    database: Database, stop_ids: Sequence[str]
) -> list[tuple[dict[str, Any], int]]:
    """The stops that there are of these, in this order, each with the version that it is of.

    Stations have their platforms.
    """
    asked = [*zip(*(stop_id.split(":", 1) for stop_id in stop_ids), strict=True)] or [(), ()]
    rows = await database.fetch(_STOPS, *asked)
    platforms: dict[str, list[dict[str, Any]]] = {
        row["stop_id"]: [] for row in rows if row["location_type"] == STATION
    }
    if platforms:
        asked = [*zip(*(stop_id.split(":", 1) for stop_id in platforms), strict=True)]
        for row in await database.fetch(_PLATFORMS, *asked):
            platforms[row["station_id"]].append(_present(row, _PLATFORM_MEMBERS))
    return [
        (
            _present(row, _STOP_MEMBERS)
            | ({"platforms": found} if (found := platforms.get(row["stop_id"])) else {}),
            row["version"],
        )
        for row in rows
    ]


async def stops(request: Request) -> Response:
    search, database = parameters(StopSearch, request.query_params), request.app.state.database
    found = await StopFinder(database, search).find()
    page = {position.stop_id: position for position in found[: search.limit]}
    listed = [summary for summary, _ in await _summaries(database, [*page])] if page else []
    if search.lat is not None:
        for each in listed:
            each["distance"] = round(page[each["stop_id"]].distance)
    more = {"next": found[search.limit - 1].encode()} if len(found) > search.limit else {}
    return _json(request, {"stops": listed, **more})


async def stop(request: Request) -> Response:
    stop_id, database = request.path_params["stop_id"], request.app.state.database
    found = await _summaries(database, [str(stop_id)])
    if not found:
        raise Problem(404, "unknown_stop", f"There is no stop {str(stop_id)!r}.")
    body, version = found[0]
    # The version as a value: the planner then opens this schedule's partitions only.
    routes = await database.fetch(_ROUTES, version, stop_id.stop_id)
    body["routes"] = {
        f"{stop_id.feed_id}:{route['route_id']}": _present(route, _ROUTE_MEMBERS)
        for route in routes
    }
    return _json(request, body)


ROUTES: list[BaseRoute] = [Route("/v1/stops", stops), StopRoute("/v1/stops/{stop_id:stop}", stop)]
