"""Stop ids in paths: `StopRoute("/v1/stops/{stop_id:stop}/board", board)`.

Importing this module registers the convertor `stop`; the endpoint finds a StopId in `path_params`.
"""

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Match, Route
from starlette.types import Scope

from gateway.problems import malformed
from schemas.arrivals import StopId


def parse_stop_id(text: str, parameter: str = "stop_id") -> StopId:
    """A global stop id out of a request.

    Raises:
        Problem: 422, naming the parameter.
    """
    try:
        stop = StopId.parse(text)
    except ValueError as error:
        raise malformed(parameter, str(error)) from None
    if "\0" in text:  # Postgres has no text with it
        raise malformed(parameter, "a stop id holds no NUL character")
    return stop


class _StopConvertor(Convertor[StopId]):
    regex = "[^/]+"

    def convert(self, value: str) -> StopId:
        try:
            text = unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise malformed("stop_id", f"{value!r} is not percent-encoded UTF-8") from None
        return parse_stop_id(text)

    def to_string(self, value: StopId) -> str:
        return quote(str(value), safe=":")


register_url_convertor("stop", _StopConvertor())


class StopRoute(Route):
    """Matches the path as it was sent.

    In a decoded one a `/` inside an id looks like the next segment, and the stop `x/board` could
    not be told from the board of `x`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        return super().matches({**scope, "path": scope["raw_path"].decode("latin-1")})
