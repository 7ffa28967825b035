"""One file of a GTFS zip as a table of typed columns, everything that is wrong in it noted."""

import polars as pl

from feeds.gtfs import csv as gtfs_csv
from feeds.gtfs.fields import Field, File, Kind, Presence
from feeds.gtfs.problems import Problem, Problems
from feeds.gtfs.table import GtfsTable
from feeds.gtfs.zip import GtfsZip

TYPES = {
    Kind.TEXT: pl.String,
    Kind.INTEGER: pl.Int32,
    Kind.NUMBER: pl.Float64,
    Kind.TIME: pl.Int32,
    Kind.DATE: pl.Date,
}


def read_file(source: GtfsZip, file: File, problems: Problems, ignored: Problems) -> GtfsTable:
    """The fields of `file`; times are seconds after noon minus 12 h.

    What is wrong goes to `problems`, hints that cannot be read to `ignored`. A table without rows
    stands for a file that is not there or cannot be split.
    """
    texts = gtfs_csv.texts(file, source.read(file.name), problems)
    if file.rows and texts.is_empty() and not problems.mentions(file.name):
        reason = "has no rows" if file.name in source else "is missing"
        problems.add(Problem(file.name, None, None, None, reason))
    table = GtfsTable(file, texts, texts.select(_parsed(field) for field in file.fields))
    for field in file.fields:
        _check(table, field, problems, ignored)
    table.mark_duplicates(problems)
    defaults = {field.name: field.default for field in file.fields if field.default is not None}
    table.values = table.values.with_columns(
        pl.col(name).fill_null(value) for name, value in defaults.items()
    )
    return table


def _check(table: GtfsTable, field: Field, problems: Problems, ignored: Problems) -> None:
    text, value = table.texts[field.name], table.values[field.name]
    if value.null_count() > text.null_count():
        unreadable = value.is_null() & text.is_not_null()
        if field.hint:
            table.note(unreadable, (field.name,), field.reason, ignored)
        else:
            table.mark(unreadable, (field.name,), field.reason, problems)
    if field.presence is Presence.VALUE:
        table.mark(text.is_null(), (field.name,), "is empty", problems)


def _parsed(field: Field) -> pl.Expr:
    """The field's values, null where the text is no such value."""
    text = pl.col(field.name)
    match field.kind:
        case Kind.TEXT:
            value = text
        case Kind.DATE:
            value = text.str.to_date("%Y%m%d", strict=False)
        case Kind.TIME:
            value = _seconds(text)
        case Kind.INTEGER | Kind.NUMBER:
            value = text.cast(TYPES[field.kind], strict=False)
    if field.between is not None:
        value = pl.when(value.is_between(*field.between)).then(value)
    return value.alias(field.name)


def _seconds(text: pl.Expr) -> pl.Expr:
    parts = text.str.extract_groups(r"^([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])$").struct
    hours, minutes, seconds = (parts.field(str(n)).cast(pl.Int32) for n in (1, 2, 3))
    return hours * 3600 + minutes * 60 + seconds
