"""Which stops a request asks for: `q`, or `lat`, `lon` and `radius`, a page at a time."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, NamedTuple, Self

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic import model_validator as validator

# Postgres has no text with a NUL character.
Text = Annotated[str, StringConstraints(pattern="^[^\0]*$")]
Words = Annotated[Text, StringConstraints(strip_whitespace=True, max_length=200)]


class Position(NamedTuple):
    """Where a stop stands in the order in which they are listed, hence where a page ended."""

    tier: Annotated[int, Field(ge=0, le=5)]
    distance: Annotated[float, Field(ge=0)]
    rank: Annotated[int, Field(ge=0, lt=1 << 17)]
    name: Text
    stop_id: Annotated[str, StringConstraints(pattern="^[^:\0]+:[^\0]*$")]

    def encode(self) -> str:
        return urlsafe_b64encode(orjson.dumps([*self])).decode().rstrip("=")

    @staticmethod
    def decode(text: object) -> object:
        """What `encode` made, before it is validated."""
        if not isinstance(text, str):
            return text
        try:
            return orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except ValueError:
            raise ValueError("not a cursor that this server gave out") from None


class StopSearch(BaseModel):
    """The parameters of `GET /v1/stops`; degrees and metres."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    q: Words = Field(
        "",
        description="Of a name or code: words, their beginnings, or nearly so.",
        examples=["embarc"],
    )
    lat: float | None = Field(
        None, ge=-90, le=90, description="Degrees north; with `lon`.", examples=[37.79]
    )
    lon: float | None = Field(
        None, ge=-180, le=180, description="Degrees east; with `lat`.", examples=[-122.4]
    )
    radius: float = Field(
        1000, gt=0, le=100_000, description="Metres around `lat` and `lon`.", examples=[500]
    )
    limit: int = Field(20, ge=1, le=100, description="Stops in a page.", examples=[20])
    cursor: Annotated[
        Position | None, BeforeValidator(Position.decode), WithJsonSchema({"type": "string"})
    ] = Field(
        None,
        description="`next` of the page before, with the other parameters as they were.",
        examples=["WzAsMTQwLjAsMzI3NjQsImVtYmFyY2FkZXJvIiwiZGVtbzpFTUJSIl0"],
    )

    @validator(mode="after")
    def _is_a_place(self) -> Self:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("lat, lon: one needs the other")
        if "radius" in self.model_fields_set and self.lat is None:
            raise ValueError("radius: needs lat and lon")
        return self
