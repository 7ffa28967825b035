"""How much may be wrong with a feed, on the command line: WHAT[:LIMIT]."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

import click

from feeds.realtime.quality import KINDS, Fate

ANY = "any"


class Limit(NamedTuple):
    """So many findings of a kind, of a fate or of any kind; a share of the entities if `share`."""

    what: str
    most: float
    share: bool

    def exceeded(self, quality: Mapping[str, Any], entities: int) -> Iterator[str]:
        """What is above it in an endpoint's report, of each kind for itself."""
        most = self.most * entities / 100 if self.share else self.most
        for kind, found in quality.items():
            if self.what in (kind, found["fate"], ANY) and found["count"] > most:
                unit = f"% of {entities:,} entities" if self.share else ""
                yield f"{kind}: {found['count']:,}, more than {self.most:g}{unit}"


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
