"""One file of a GTFS zip as a table of typed columns, everything that is wrong in it noted."""

import csv
from io import StringIO

import polars as pl

from feeds.gtfs_fields import Field, File, Kind, Presence
from feeds.gtfs_table import RECORD, GtfsTable
from feeds.gtfs_zip import GtfsZip
from feeds.schedule_problems import Problem, Problems

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
    texts = _texts(source, file, problems)
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


def _texts(source: GtfsZip, file: File, problems: Problems) -> pl.DataFrame:
    """All values as texts, without spaces around them; empty ones are null, empty rows left out."""
    empty = pl.DataFrame(schema={RECORD: pl.UInt32} | dict.fromkeys(file.columns, pl.String))
    data = source.read(file.name)
    if not data.strip() or not _is_text(file.name, data, problems):
        return empty
    positions = _positions(file, data, problems)
    if positions is None:
        return empty
    try:
        table = pl.read_csv(
            data,
            infer_schema=False,
            columns=list(positions.values()),
            truncate_ragged_lines=True,
            row_index_name=RECORD,
        )
    except pl.exceptions.ComputeError as error:
        problems.add(_bad_quote(file.name, data, str(error).splitlines()[0]))
        return empty
    table.columns = [RECORD, *positions]
    text = pl.col(pl.String).str.strip_chars()
    table = table.with_columns(pl.when(text != "").then(text))
    table = table.filter(pl.any_horizontal(pl.col(pl.String).is_not_null()))
    return pl.concat([empty, table], how="diagonal")


def _is_text(name: str, data: bytes, problems: Problems) -> bool:
    """Whether the bytes are UTF-8 without NUL, which Postgres cannot store."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        at, reason = error.start, "is not UTF-8"
    else:
        at, reason = data.find(b"\0"), "is a NUL byte, which no text has"
    if at < 0:
        return True
    line = data.count(b"\n", 0, at) + 1
    problems.add(Problem(name, line, None, repr(data[at : at + 1])[2:-1], reason))
    return False


def _positions(file: File, data: bytes, problems: Problems) -> dict[str, int] | None:
    """Where the columns that we know stand, ascending; None if one that must be is missing."""
    line = data.split(b"\n", 1)[0].decode()
    header = [name.strip() for name in next(csv.reader([line]))]
    complete = True
    for field in file.fields:
        if field.presence is not Presence.OPTIONAL and field.name not in header:
            problems.add(Problem(file.name, 1, field.name, None, "is a missing column"))
            complete = False
        if header.count(field.name) > 1:
            problems.add(Problem(file.name, 1, field.name, None, "is a column that comes twice"))
            complete = False
    known = set(file.columns)
    positions = {name: position for position, name in enumerate(header) if name in known}
    return positions if complete else None


def _bad_quote(name: str, data: bytes, otherwise: str) -> Problem:
    """Where the quotes of a file go wrong, which polars does not tell."""
    reader = csv.reader(StringIO(data.decode(), newline=""), strict=True)
    begins = 1
    try:
        for _ in reader:
            begins = reader.line_num + 1
    except csv.Error as error:
        return Problem(name, begins, None, None, f"has a quote that is out of place: {error}")
    return Problem(name, None, None, None, f"cannot be split into columns: {otherwise}")


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
    parts = text.str.extract_groups(r"^(\d{1,3}):([0-5]\d):([0-5]\d)$").struct
    hours, minutes, seconds = (parts.field(str(n)).cast(pl.Int32) for n in (1, 2, 3))
    return hours * 3600 + minutes * 60 + seconds
