"""What answers and events look like: one stop of a made-up city, told the same way everywhere.

A test holds each against its schema.
"""

from typing import Any

from schemas.answers import AccountTokens, FeedList, FeedReport, KeySet, StopDetails, StopPage
from schemas.arrivals import Board
from schemas.events import FeedNews, Gone, Goodbye, Heartbeat

STOP_ID = "demo:EMBR"
_ROUTE = "demo:red"

BOARD: Board = {
    "stop_id": STOP_ID,
    "version": 1763680000123456,
    "stop": {
        "name": "Embarcadero",
        "location_type": 1,
        "lat": 37.793,
        "lon": -122.397,
        "timezone": "America/Los_Angeles",
    },
    "routes": {
        _ROUTE: {"short_name": "Red", "color": "D11141", "text_color": "FFFFFF", "type": 1},
    },
    "arrivals": {
        "k7Qp": {
            "trip_id": "red-0915",
            "service_date": "20251120",
            "route_id": _ROUTE,
            "direction_id": 0,
            "headsign": "Harbor",
            "stop_id": "demo:EMBR-1",
            "platform_code": "1",
            "scheduled_departure": 1763680080,
            "departure": 1763680120,
            "delay": 40,
            "status": "predicted",
            "stops_away": 2,
        },
        "m2Xw": {
            "trip_id": "red-0930",
            "service_date": "20251120",
            "route_id": _ROUTE,
            "direction_id": 0,
            "headsign": "Harbor",
            "scheduled_departure": 1763680980,
            "status": "scheduled",
        },
    },
    "alerts": {
        "demo:Zk3a9fQ1": {
            "header": {"en": "Elevator out of service", "es": "Ascensor fuera de servicio"},
            "effect": "accessibility_issue",
            "severity": "info",
            "active_periods": [[1763676000, None]],
        }
    },
}
PATCH: dict[str, Any] = {
    "stop_id": STOP_ID,
    "version": 1763680015000001,
    "arrivals": {"k7Qp": {"departure": 1763680180, "delay": 100}, "m2Xw": None},
}
FEED: FeedNews = {
    "feed_id": "demo",
    "status": "live",
    "timestamp": 1763679998,
    "now": 1763680001,
}
HEARTBEAT: Heartbeat = {
    "feeds": {"demo": {"status": "live", "timestamp": 1763680013, "now": 1763680016}}
}
GONE: Gone = {"stop_id": STOP_ID}
GOODBYE: Goodbye = {"reason": "draining"}

STOPS: StopPage = {
    "stops": [
        {
            "stop_id": STOP_ID,
            "name": "Embarcadero",
            "location_type": 1,
            "lat": 37.793,
            "lon": -122.397,
            "timezone": "America/Los_Angeles",
            "platforms": [{"stop_id": f"{STOP_ID}-1", "platform_code": "1"}],
            "distance": 140,
        }
    ],
    "next": "WzAsMTQwLjAsMzI3NjQsImVtYmFyY2FkZXJvIiwiZGVtbzpFTUJSIl0",
}
STOP: StopDetails = {
    "stop_id": STOP_ID,
    "name": "Embarcadero",
    "location_type": 1,
    "lat": 37.793,
    "lon": -122.397,
    "timezone": "America/Los_Angeles",
    "routes": BOARD["routes"],
}
FEED_REPORT: FeedReport = {
    "feed_id": "demo",
    "status": "live",
    "timestamp": 1763679998,
    "now": 1763680001,
    "age": 3,
    "complete": True,
    "agencies": [
        {"name": "Demo Transit", "url": "https://example.org", "timezone": "America/Los_Angeles"}
    ],
    "endpoints": [
        {
            "url": "https://example.org/trips.pb",
            "status": "live",
            "kinds": ["trip_update"],
            "interval": 15,
            "polls": 240,
            "failures": 1,
            "success_rate": 0.9958,
            "timestamp": 1763679998,
            "last_success": 1763680000,
            "last_error": "http_502: Bad Gateway",
            "quality": {},
        }
    ],
    "quality": {},
}
FEEDS: FeedList = {"feeds": [FEED_REPORT]}
ACCOUNT_TOKENS: AccountTokens = {
    "access_token": "eyJhbGciOiJFUzI1NiIs…",
    "token_type": "Bearer",
    "expires_in": 900,
    "scope": "boards:read feeds:read",
    "refresh_token": "scr_…",
    "refresh_expires_in": 2592000,
}
KEYS: KeySet = {
    "keys": [
        {"kty": "EC", "crv": "P-256", "kid": "5f2c", "alg": "ES256", "x": "WKn-…", "y": "y77t…"}
    ]
}
