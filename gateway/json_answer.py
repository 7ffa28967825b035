"""An answer in JSON that is made for one request."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json_answer(body: Mapping[str, Any], cache_control: str = "no-store") -> Response:
    """Kept by nobody, unless `cache_control` says otherwise."""
    return Response(orjson.dumps(body), 200, {"Cache-Control": cache_control}, "application/json")
