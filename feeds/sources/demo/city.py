"""What city.toml says of the demo city: places, lines, headways."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

FEED_ID = "demo"
BUSY_STOP = "EMBR"  # where all rail lines pass


class Place(NamedTuple):
    name: str
    lat: float
    lon: float


@dataclass(frozen=True)
class Line:
    """A line of the city; `speed` in km/h, `dwell` in seconds, `offset` in minutes."""

    id: str
    name: str
    type: int
    color: str
    text_color: str
    speed: float
    dwell: int
    offset: int
    stops: list[str]


class City:
    """What city.toml says."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.agency: dict[str, Any] = data["agency"]
        self.headways = [(row["hour"], row["minutes"]) for row in data["headways"]]
        self.lines = [Line(**row) for row in data["lines"]]
        self.stations = {key: Place(*row) for key, row in data["stations"].items()}
        self.bus_stops = {key: Place(*row) for key, row in data["bus_stops"].items()}
        self.places = self.stations | self.bus_stops

    @classmethod
    @cache
    def read(cls) -> "City":
        return cls(tomllib.loads((files("feeds.sources.demo") / "city.toml").read_text("utf-8")))
