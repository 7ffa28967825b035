"""The rows of one GTFS file, and which of them are wrong."""

from collections.abc import Sequence

import polars as pl

from feeds.gtfs.fields import File
from feeds.gtfs.problems import SHOWN, Problems

RECORD = "record"
"""The column of `texts` that counts a file's records from 0: it leads to their lines."""


class GtfsTable:
    """`texts` as they are written, `values` by type and name of the field, row by row alike.

    `wrong` marks the rows that cannot be stored, and those that refer to such rows.
    """

    def __init__(self, file: File, texts: pl.DataFrame, values: pl.DataFrame) -> None:
        self.file = file
        self.name = file.name
        self.texts = texts
        self.values = values
        self.wrong = pl.repeat(value=False, n=len(texts), dtype=pl.Boolean, eager=True)

    @property
    def right(self) -> pl.DataFrame:
        """The rows that can be stored."""
        return self.values.filter(~self.wrong) if self.wrong.any() else self.values

    def note(
        self, rows: pl.Series, columns: Sequence[str], reason: str, problems: Problems
    ) -> None:
        """Note that the values of these rows in `columns` have that reason."""
        if rows.any():
            value = pl.concat_str(columns, separator=", ") if len(columns) > 1 else columns[0]
            values = self.texts.filter(rows).select(RECORD, value)
            first = values.head(SHOWN).iter_rows()
            problems.add_rows(self.name, ", ".join(columns), reason, first, len(values))

    def mark(
        self, rows: pl.Series, columns: Sequence[str], reason: str, problems: Problems
    ) -> None:
        """Note it, and mark the rows as wrong."""
        self.note(rows, columns, reason, problems)
        self.wrong |= rows

    def mark_duplicates(self, problems: Problems) -> None:
        """Every row whose key an earlier one has is wrong."""
        key = self.values.select(self.file.key)
        if self.file.key and not key.is_unique().all():
            again = key.select(pl.struct(self.file.key).is_first_distinct().not_()).to_series()
            self.mark(again, self.file.key, "is a duplicate", problems)

    def mark_unknown(self, column: str, other: "GtfsTable", problems: Problems) -> None:
        """A row is wrong whose `column` names no row of `other`, or a wrong one."""
        key = other.file.key[0]
        unknown = absent(self.values[column], other.texts[key])
        self.mark(unknown, (column,), f"is not in {other.name}", problems)
        if other.wrong.any():
            self.wrong |= absent(self.values[column], other.right[key])


def absent(ids: pl.Series, known: pl.Series) -> pl.Series:
    """Which of `ids` are not in `known`; an empty one never is absent."""
    return ids.is_in(known.implode()).not_().fill_null(value=False)
