"""The zip of a GTFS schedule: its files' bytes, and the line on which a record stands."""

import csv
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import BytesIO, TextIOWrapper
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from feeds.gtfs.fields import FILES
from feeds.gtfs.problems import Problem, ScheduleError

BOM = b"\xef\xbb\xbf"
# What a file may become, in bytes. stop_times.txt of a country has 2 GB, a tenth of it packed.
LARGEST = 4 * 1024**3
SMALL = 64 * 1024**2  # taken whatever the zip's size is
RATIO = 200  # to the zip's size, beyond; deflate does a thousand


class GtfsZip:
    """A GTFS zip, opened. The files may lie in a sub-folder, as some agencies pack them.

    Errors call it `name`.

    Raises:
        ScheduleError: there is no such file, or it is no zip, or its contents are damaged.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        try:
            self._zip = ZipFile(path)
        except BadZipFile:
            raise ScheduleError(f"{name} is no zip: it begins with {_beginning(path)!r}") from None
        except OSError as error:
            raise ScheduleError(f"{name}: {error.strerror}") from None
        self._largest = min(LARGEST, max(SMALL, RATIO * path.stat().st_size))
        self._names = _gtfs_names(self._zip.namelist())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        """The bytes of a file without its byte order mark; empty if the file is not there.

        Every line ends in LF alone, whatever it ended in, so that all who read it agree on lines.
        """
        if name not in self._names:
            return b""
        try:
            data = self._unpacked(self._names[name]).removeprefix(BOM)
        except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            text = f"cannot be unpacked: {error}"
            problem = Problem(name, None, None, None, text)
            raise ScheduleError(f"{self.name} cannot be imported:", [problem]) from None
        return _with_line_feeds(data)

    def _unpacked(self, path: str) -> bytes:
        """Never more than the bound in memory, whatever size the zip tells (SECURITY.md)."""
        if self._zip.getinfo(path).compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            # Python unpacks bzip2 and LZMA without a bound: 1,300 bytes become 1.5 GB.
            raise NotImplementedError("only deflate is known here")
        with self._zip.open(path) as file:
            data = file.read(self._largest + 1)
        if len(data) > self._largest:
            raise BadZipFile(f"more than {self._largest} bytes")
        return data

    def lines(self, name: str, records: Iterable[int]) -> Mapping[int, int]:
        """The line on which each record (counted from 0 after the header) begins.

        Quoted fields may span lines, so this reads the file once more, record by record, as far as
        csv does: it takes no field of more than 131,072 characters.
        """
        wanted = set(records)
        found: dict[int, int] = {}
        reader = csv.reader(TextIOWrapper(BytesIO(self.read(name)), "utf-8", newline="\n"))
        begins = 1
        with suppress(csv.Error):
            for record, _ in enumerate(reader, start=-1):
                if record in wanted:
                    found[record] = begins
                    if len(found) == len(wanted):
                        break
                begins = reader.line_num + 1
        return found


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(40)


def _with_line_feeds(data: bytes) -> bytes:
    if b"\r" not in data:
        return data
    data = data.replace(b"\r\n", b"\n")
    return data.replace(b"\r", b" " if b"\n" in data else b"\n")


def _gtfs_names(names: Iterable[str]) -> dict[str, str]:
    """File name to name in the zip, of the shallowest folder that holds a GTFS file."""
    known = {file.name for file in FILES}
    paths = [path for path in map(PurePosixPath, names) if path.name in known]
    folders = {path.parent for path in paths}
    folder = min(folders, key=lambda folder: (len(folder.parts), folder), default=None)
    return {path.name: str(path) for path in paths if path.parent == folder}
