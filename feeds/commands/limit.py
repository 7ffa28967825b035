"""How much may be wrong with a feed, on the command line: WHAT[:LIMIT]."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

import click

from feeds.realtime.quality import KINDS
from schemas.answers import Fate

ANY = "any"


class Limit(NamedTuple):
    """So many findings of a kind, of a fate or of any kind; a share of the entities if `share`."""

    what: str
    most: float
    share: bool

    def exceeded(self, quality: Mapping[str, Any], entities: int) -> Iterator[str]:
        """What is above it in an endpoint's report, of each kind for itself."""
        for kind, found in quality.items():
            most, told = self._allowed(kind, entities)
            if self.what in (kind, found["fate"], ANY) and found["count"] > most:
                yield f"{kind}: {found['count']:,}, more than {told}"

    def _allowed(self, kind: str, entities: int) -> tuple[float, str]:
        """How many of the kind, and the same in words."""
        if not self.share:
            return self.most, f"{self.most:g}"
        if kind.startswith("message_"):
            return 0, "0 messages"  # wrong with all of it: no share of the entities is right
        return self.most * entities / 100, f"{self.most:g}% of {entities:,} entities"


class LimitType(click.ParamType[Limit]):
    """A kind, a fate or `any`, and after a colon a number or a percentage."""

    name = "limit"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Limit:
        if isinstance(value, Limit):
            return value
        what, _, most = str(value).partition(":")
        if what not in (ANY, *get_args(Fate), *KINDS):
            self.fail(
                f"{what!r} is no kind, no fate and not `any`: see docs/operations.md", param, ctx
            )
        try:
            number = float(most.removesuffix("%") or 0)
        except ValueError:
            self.fail(f"{most!r} is neither a number nor a percentage", param, ctx)
        return Limit(what, number, most.endswith("%"))


LIMIT = LimitType()
