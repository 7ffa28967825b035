"""stopcast.toml: the feeds and their endpoints (docs/configuration.md)."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from schemas.errors import StopcastError

_TABLE = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?")
_VARIABLE = re.compile(r"\$(\w+)")

FeedId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$")]


class ConfigError(StopcastError):
    """stopcast.toml cannot be used; the text names line, key and reason of each fault."""


def _from_environment(value: SecretStr) -> SecretStr:
    """Every `$NAME` replaced by the variable of that name."""
    text = value.get_secret_value()
    missing = [name for name in _VARIABLE.findall(text) if name not in os.environ]
    if missing:
        raise ValueError(f"the environment has no {' or '.join(missing)}")
    return SecretStr(_VARIABLE.sub(lambda found: os.environ[found[1]], text))


Header = Annotated[SecretStr, AfterValidator(_from_environment)]


class Endpoint(BaseModel):
    """One GTFS-Realtime source of a feed: trip updates, vehicles and alerts in any mixture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1, description="http(s) URL, or the path of a file.")
    interval: float = Field(
        30, gt=0, description="Seconds from one poll to the next; the data changes no quicker."
    )
    headers: dict[str, Header] = Field(
        {}, description="Sent along; `$NAME` in a value is read from the environment."
    )
    clock: bool = Field(
        False,
        description="The feed's boards are made as of the time this endpoint tells (a replay).",
    )


class Feed(BaseModel):
    """One schedule and the endpoints that speak of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule: str | None = Field(
        None, description="GTFS zip, path or URL; imported by `stopcast up`."
    )
    skip_wrong: bool = Field(
        False, description="Leave out rows of the schedule that are wrong instead of refusing it."
    )
    endpoints: tuple[Endpoint, ...] = Field((), description="Where its realtime comes from.")
    replaced_routes: tuple[str, ...] = Field(
        (), description="route_ids of which only realtime tells what runs (docs/operations.md)."
    )
    quiet: float = Field(
        30,
        ge=0,
        description="Seconds by which a distant prediction may be wrong before it moves; 0: exact.",
    )
    shares: dict[str, str] = Field(
        {},
        description="By stop_id: `feed:stop_id` of another feed's stop whose board shows it too.",
    )
    expiry: float = Field(
        600,
        ge=0,
        description="Seconds after becoming stale when an endpoint's predictions are withdrawn.",
    )


class Config(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feeds: dict[FeedId, Feed] = Field(min_length=1)

    def shares(self, feed_id: str) -> dict[str, list[str]]:
        """By stop_id of this feed, the global ids of the stops that its board shows too."""
        found: dict[str, list[str]] = {}
        for guest, feed in self.feeds.items():
            for stop_id, host in feed.shares.items():
                feed_of_host, _, stop_of_host = host.partition(":")
                if feed_of_host == feed_id:
                    found.setdefault(stop_of_host, []).append(f"{guest}:{stop_id}")
        return found

    def wrong_shares(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Key and reason of each of the `shares` that cannot be."""
        for guest, feed in self.feeds.items():
            for stop_id, host in feed.shares.items():
                key = ("feeds", guest, "shares", stop_id)
                feed_of_host, colon, stop_of_host = host.partition(":")
                if not (colon and stop_of_host):
                    yield key, f"{host!r} is no <feed>:<stop_id>"
                elif feed_of_host == guest:
                    yield key, f"{host} is of the same feed; stations unite their platforms anyway"
                elif feed_of_host not in self.feeds:
                    yield key, f"there is no feed {feed_of_host} in this file"
                elif stop_of_host in self.feeds[feed_of_host].shares:
                    yield key, f"{host} is shared with another stop itself; name that one"


def read_config(path: Path) -> Config:
    """Read and check stopcast.toml.

    Raises:
        ConfigError: it is missing, no TOML, or says what no feed can be.
    """
    try:
        text = path.read_text()
        config = Config.model_validate(tomllib.loads(text))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; docs/examples/ has some to begin with"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        lines = _lines(text)
        faults = [_fault(path, lines, e["loc"], e["msg"]) for e in error.errors()]
        raise ConfigError("\n".join(faults)) from None
    if wrong := [_fault(path, _lines(text), key, why) for key, why in config.wrong_shares()]:
        raise ConfigError("\n".join(wrong))
    return config


def _fault(path: Path, lines: Mapping[tuple[Any, ...], int], key: tuple[Any, ...], why: str) -> str:
    name = ".".join(str(part) for part in key if part != "[key]")
    place = next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 1)
    return f"{path}, line {place}: {name}: {why.removeprefix('Value error, ')}"


def _lines(text: str) -> dict[tuple[Any, ...], int]:
    """The line of each table and key, as `("feeds", "nyct", "endpoints", 0, "url")`."""
    found: dict[tuple[Any, ...], int] = {}
    table: tuple[Any, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = tuple(part.strip(" \"'") for part in header[1].split("."))
            if line.lstrip().startswith("[["):
                index = 0
                while (*table, index) in found:
                    index += 1
                table = (*table, index)
            found.setdefault(table, number)
        elif key := re.match(r"\s*([\w\"'.-]+)\s*=", line):
            found[(*table, key[1].strip("\"'"))] = number
    return found
