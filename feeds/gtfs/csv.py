"""The bytes of one GTFS file, split into texts by column."""

import csv
from io import StringIO

import polars as pl

from feeds.gtfs.fields import File, Presence
from feeds.gtfs.problems import Problem, Problems
from feeds.gtfs.table import RECORD


def texts(file: File, data: bytes, problems: Problems) -> pl.DataFrame:
    """The columns of `file` and `RECORD`, without spaces around values.

    Empty values are null, rows without any value are left out, columns that the file lacks are
    empty. What keeps it from being split goes to `problems`, and no rows come back.
    """
    empty = pl.DataFrame(schema={RECORD: pl.UInt32} | dict.fromkeys(file.columns, pl.String))
    if not data.strip() or not _is_text(file.name, data, problems):
        return empty
    positions = _positions(file, data, problems)
    if not positions:
        return empty
    try:
        table = _split(data, positions)
    except pl.exceptions.ComputeError:
        requoted = _requoted(file.name, data, problems)
        table = _split(requoted, positions)
    text = pl.col(pl.String).str.strip_chars()
    table = table.with_columns(pl.when(text != "").then(text))
    table = table.filter(pl.any_horizontal(pl.col(pl.String).is_not_null()))
    return pl.concat([empty, table], how="diagonal")


def _split(data: bytes, positions: dict[str, int]) -> pl.DataFrame:
    table = pl.read_csv(
        data,
        infer_schema=False,
        columns=list(positions.values()),
        truncate_ragged_lines=True,
        row_index_name=RECORD,
    )
    table.columns = [RECORD, *positions]
    return table


def _requoted(name: str, data: bytes, problems: Problems) -> bytes:
    """The same records with every value quoted.

    polars gives up on a quote within an unquoted value (`5" pipe`), which csv takes as it is
    written. Where csv gives up too, the place is noted and only the header is left.
    """
    written = StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    reader = csv.reader(StringIO(data.decode(), newline="\n"), strict=True)
    begins = 1
    try:
        for record in reader:
            writer.writerow(record)
            begins = reader.line_num + 1
    except csv.Error as error:
        problems.add(Problem(name, begins, None, None, f"has a quote out of place: {error}"))
        return data.split(b"\n", 1)[0]
    return written.getvalue().encode()


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
    problems.add(Problem(name, line, None, f"0x{data[at]:02X}", reason))
    return False


def _positions(file: File, data: bytes, problems: Problems) -> dict[str, int]:
    """Where the columns that we know stand, ascending; none if one that must be there is not."""
    line = data.split(b"\n", 1)[0].decode()
    try:
        header = [name.strip() for name in next(csv.reader([line]))]
    except csv.Error as error:
        problems.add(Problem(file.name, 1, None, None, f"is a header that cannot be read: {error}"))
        return {}
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
    return positions if complete else {}
