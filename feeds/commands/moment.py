"""A point in time on the command line."""

from datetime import datetime

import click


class MomentType(click.ParamType[float]):
    """RFC 3339 with an offset, or POSIX seconds; gives POSIX seconds."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, (int, float)):
            return float(value)
        text = str(value)
        try:
            return float(text)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is neither RFC 3339 nor POSIX seconds", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{text!r} has no offset: add Z or, say, -05:00", param, ctx)
        return moment.timestamp()


MOMENT = MomentType()
