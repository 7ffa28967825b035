"""A request for pictures: a stream's, and the size of the terminal."""

from typing import Self

from pydantic import BaseModel, Field
from starlette.datastructures import QueryParams
from starlette.types import Scope

from gateway.coding import PLAIN
from gateway.parameters import MAY_BE_EMPTY, parameters
from gateway.settings import GatewaySettings
from gateway.stream_request import StreamRequest
from gateway.watch.drawing import LEAST_HEIGHT, LEAST_WIDTH, MOST_HEIGHT, MOST_WIDTH, Size


class Terminal(BaseModel):
    """A terminal as it mostly begins, unless the request says better.

    A shell that does not tell its size leaves the parameter empty.
    """

    width: int = Field(
        80,
        ge=LEAST_WIDTH,
        le=MOST_WIDTH,
        description="Its columns: `$COLUMNS`.",
        examples=[100],
        json_schema_extra=MAY_BE_EMPTY,
    )
    height: int = Field(
        24,
        ge=LEAST_HEIGHT,
        le=MOST_HEIGHT,
        description="Its lines: `$LINES`.",
        examples=[30],
        json_schema_extra=MAY_BE_EMPTY,
    )


class WatchRequest(StreamRequest):
    """Never in gzip: pictures are few."""

    size: Size

    @classmethod
    def of(cls, scope: Scope, settings: GatewaySettings) -> Self:
        """As a stream's.

        Raises:
            Problem: 422 for a parameter that cannot be read, 505 for HTTP/1.0.
        """
        terminal = parameters(Terminal, QueryParams(scope["query_string"]))
        request = (
            super().of(scope, settings)._replace(coding=PLAIN, cursor=None, by_event_source=False)
        )
        request.size = Size(terminal.width, terminal.height)
        return request
