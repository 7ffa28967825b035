"""What the pictures show: four stops of a made-up city on a wet Wednesday in November, 17:24."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

FEED_ID = "city"
ZONE = "Europe/London"
NOW = int(datetime(2026, 11, 18, 17, 24, 10, tzinfo=ZoneInfo(ZONE)).timestamp())

Members = dict[str, Any]

# By route_id: name, GTFS's route_type, colour and the agency's own colour of text on it.
_ROUTES = {
    "U1": ("Northgate to Airport", 1, "0B4F9E", "FFFFFF"),
    "U4": ("Harbour to Botanic Garden", 1, "F6C700", "FFFFFF"),  # white on yellow: nobody reads it
    "S3": ("Millbrook to Seaview", 2, "1E7B3C", "FFFFFF"),
    "IC": ("Intercity", 2, "30363D", "FFFFFF"),
    "12": ("Old Town to University", 0, "C8102E", "FFFFFF"),
    "48": ("Hospital to Station", 3, "6C2C8E", "FFFFFF"),
    "X7": ("Airport Express", 3, "E87722", "000000"),
    "F2": ("Harbour Ferry", 4, "007C89", "FFFFFF"),
}
_ALERTS: dict[str, Members] = {
    "wires": {
        "header": {"en": "U4 at Central Station: platform 3, not 1"},
        "description": {
            "en": "Until 20:00, while the wire above platform 1 is mended. "
            "Both platforms have lifts."
        },
        "url": {"en": "https://example.org/u4"},
        "severity": "warning",
        "routes": [f"{FEED_ID}:U4"],
    },
    "wind": {
        "header": {"en": "Storm: ferries may be cancelled at short notice"},
        "severity": "severe",
    },
}


def call(route: str, headsign: str, minutes: float, late: float = 0, **members: Any) -> Members:
    """A predicted call so many minutes ahead; `late` are minutes, too."""
    departure = NOW + round(minutes * 60) + 20
    return {
        "route_id": f"{FEED_ID}:{route}",
        "headsign": headsign,
        "status": "predicted",
        "departure": departure,
        "scheduled_departure": departure - round(late * 60),
        "delay": round(late * 60),
        **members,
    }


def off(route: str, headsign: str, minutes: float, status: str, **members: Any) -> Members:
    """A call that is canceled or skipped: it has no prediction."""
    made = call(route, headsign, minutes, status=status, **members)
    return {name: made[name] for name in made if name not in {"departure", "delay"}}


def near(stops_away: int, status: str = "in_transit_to") -> Members:
    return {"stops_away": stops_away, "vehicle": {"status": status}}


def seats(occupancy: str) -> Members:
    return {"occupancy": occupancy}


MANY, FEW = seats("many_seats_available"), seats("few_seats_available")
STANDING, FULL = seats("standing_room_only"), seats("full")
STEPLESS: Members = {"wheelchair_accessible": True}

# By stop_id: name and what leaves there.
_STOPS: dict[str, tuple[str, list[Members]]] = {
    "central": (
        "Central Station",
        [
            call("U1", "Airport", -1.6, status="departed", platform_code="2"),
            call("12", "Old Town", 0.1, **near(0, "stopped_at"), **STEPLESS, **FEW),
            call("U4", "Botanic Garden", 1.2, 3, platform_code="3", alerts=["wires"], **STEPLESS, **STANDING),
            off("S3", "Seaview", 4, "canceled", platform_code="6"),
            call("U1", "Northgate", 5, platform_code="1", **near(2), **STEPLESS, **MANY),
            off("48", "Hospital", 6, "skipped"),
            call("IC", "Kingsbridge", 8, 12, platform_code="8", **STEPLESS, **FULL),
            call("12", "University", 9, -1, **near(4), **STEPLESS, **FEW),
            call("U4", "Harbour", 11, platform_code="3", alerts=["wires"], **STEPLESS, **MANY),
            call("X7", "Airport", 14, 1, **MANY),
            call("S3", "Millbrook", 17, platform_code="5", **STEPLESS),
            call("U1", "Airport", 19, platform_code="2", **STEPLESS),
        ],
    ),
    "harbour": (
        "Harbour",
        [
            call("F2", "Seaview Pier", -0.6, 2, status="departed"),
            call("U4", "Botanic Garden", 2, 3, platform_code="1", alerts=["wires"], **near(0), **STEPLESS, **FEW),
            call("48", "Hospital", 4, **near(3), **MANY),
            off("F2", "Lighthouse Island", 8, "canceled", alerts=["wind"]),
            call("12", "University", 9, 1, **near(5), **STEPLESS, **STANDING),
            call("U4", "Botanic Garden", 12, platform_code="1", alerts=["wires"], **STEPLESS, **MANY),
            call("48", "Station", 15, **MANY),
            call("F2", "Seaview Pier", 23, 5, alerts=["wind"], **STEPLESS),
            call("X7", "Airport", 31, **MANY),
            call("12", "Old Town", 36, **STEPLESS),
        ],
    ),
    "university": (
        "University",
        [
            call("48", "Station", -1.2, status="departed"),
            call("12", "Old Town", 3, **near(1), **STEPLESS, **MANY),
            call("U1", "Airport", 4, platform_code="2", **near(1), **STEPLESS, **FEW),
            call("U1", "Northgate", 7, 2, platform_code="1", **near(3), **STEPLESS, **STANDING),
            call("48", "Hospital", 10, -1, **MANY),
            off("12", "Old Town", 11, "canceled"),
            call("U1", "Airport", 12, platform_code="2", **STEPLESS, **MANY),
            call("12", "Old Town", 16, **STEPLESS),
            call("U1", "Northgate", 17, platform_code="1", **STEPLESS),
            call("48", "Station", 22),
            call("U1", "Airport", 20, platform_code="2", **STEPLESS),
        ],
    ),
}  # fmt: skip


def boards() -> Mapping[str, Members]:
    """By global stop id."""
    return {f"{FEED_ID}:{stop}": _board(f"{FEED_ID}:{stop}", *_STOPS[stop]) for stop in _STOPS}


def _board(stop_id: str, name: str, calls: list[Members]) -> Members:
    about = {alert for each in calls for alert in each.get("alerts", ())}
    routes = {each["route_id"] for each in calls}
    return {
        "stop_id": stop_id,
        "version": 1,
        "stop": {"name": name, "timezone": ZONE},
        "routes": {
            f"{FEED_ID}:{route}": _route(route)
            for route in _ROUTES
            if f"{FEED_ID}:{route}" in routes
        },
        "arrivals": {str(number): each for number, each in enumerate(calls)},
        "alerts": {alert: _ALERTS[alert] for alert in sorted(about)},
    }


def _route(route_id: str) -> Members:
    name, kind, color, text_color = _ROUTES[route_id]
    return {
        "short_name": route_id,
        "long_name": name,
        "type": kind,
        "color": color,
        "text_color": text_color,
    }


# The city as GTFS, for the search: one trip stops everywhere.
NAMES = {
    "central": "Central Station",
    "harbour": "Harbour",
    "university": "University",
    "hospital": "University Hospital",
    "library": "University Library",
    "airport": "Airport",
    "garden": "Botanic Garden",
    "northgate": "Northgate",
    "oldtown": "Old Town",
    "seaview": "Seaview",
}


def schedule() -> dict[str, str]:
    """The files of a GTFS zip."""
    tables = {
        "agency.txt": [
            "agency_name,agency_url,agency_timezone",
            f"City,https://example.org,{ZONE}",
        ],
        "stops.txt": ["stop_id,stop_name,stop_lat,stop_lon"],
        "routes.txt": ["route_id,route_short_name,route_type", "U1,U1,1"],
        "trips.txt": ["route_id,service_id,trip_id", "U1,once,t"],
        "stop_times.txt": ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"],
        "calendar_dates.txt": ["service_id,date,exception_type", "once,20261118,1"],
    }
    for number, (stop, name) in enumerate(NAMES.items()):
        time = f"17:{2 * number:02}:00"
        tables["stops.txt"].append(f"{stop},{name},{51 + number / 100:.2f},0")
        tables["stop_times.txt"].append(f"t,{time},{time},{stop},{number}")
    return {file: "\n".join([*lines, ""]) for file, lines in tables.items()}
