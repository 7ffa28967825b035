"""A request for a stream: which stops, since when, in what coding, and how to refuse."""

from typing import NamedTuple, Self

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from gateway.coding import PLAIN, Coding, accepted
from gateway.paths import parse_stop_id
from gateway.problems import Problem, malformed
from gateway.settings import GatewaySettings
from schemas.arrivals import StopId


class StreamRequest(NamedTuple):
    """Stops are in the order asked for, each once."""

    stops: tuple[StopId, ...]
    cursor: str | None
    # A browser's EventSource gives up for good on any status but 200 (docs/protocol.md).
    by_event_source: bool
    coding: Coding

    @classmethod
    def of(cls, scope: Scope, settings: GatewaySettings) -> Self:
        """Read path, query and headers.

        Raises:
            Problem: 422 for a parameter that cannot be read, 505 for HTTP/1.0.
        """
        if scope["http_version"] == "1.0":
            raise Problem(
                505,
                "http_version",
                "A stream needs HTTP/1.1 (chunked transfer coding); a proxy in between may have "
                "to be told (nginx: proxy_http_version 1.1).",
            )
        headers, query = Headers(scope=scope), QueryParams(scope["query_string"])
        in_path: StopId | None = scope["path_params"].get("stop_id")
        if in_path is not None:
            asked = [in_path]
        else:
            asked = [parse_stop_id(text, "stop") for text in query.getlist("stop")]
        stops = tuple(dict.fromkeys(asked))
        if not stops:
            raise malformed("stop", "name at least one: /v1/stream?stop=<feed>:<stop_id>&stop=…")
        if len(stops) > settings.max_stops:
            most = settings.max_stops
            raise malformed("stop", f"at most {most} stops in one stream, not {len(stops)}")
        return cls(
            stops,
            headers.get("last-event-id") or query.get("last_event_id"),
            "text/event-stream" in headers.get("accept", ""),
            accepted(headers.get("accept-encoding", "")) if settings.compress else PLAIN,
        )
