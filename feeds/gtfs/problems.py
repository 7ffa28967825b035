"""What is wrong with a schedule: every problem with its place, as many as can be told at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from schemas.errors import StopcastError

SHOWN = 50
"""So many problems are told one by one; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong value, row, column or file; what does not apply is None.

    `line` counts from 1 at the file's header.
    """

    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        column = "" if self.column is None else f" {self.column}"
        value = "" if self.value is None else f" {self.value!r}"
        return f"{place}{column}{value}: {self.reason}"


class ScheduleError(StopcastError):
    """A schedule cannot be fetched or imported. `problems` are the first, `total` says how many."""

    def __init__(self, text: str, problems: Iterable[Problem] = (), total: int = 0) -> None:
        self.problems = tuple(problems)
        self.total = max(total, len(self.problems))
        unnamed = self.total - len(self.problems)
        more = [f"and {unnamed:,} more"] if unnamed else []
        super().__init__("\n  ".join(chain([text], map(str, self.problems), more)))


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Some rows that are wrong for one reason; `values` by record, counted from 0 after the header."""

    file: str
    column: str | None
    reason: str
    values: Mapping[int, str | None]
    total: int


class Problems:
    """Collects what is wrong while a schedule is read; lines are looked up only at the end."""

    def __init__(self) -> None:
        self._whole: list[Problem] = []
        self._rows: list[_Wrong] = []

    @property
    def whole_files(self) -> bool:
        """Whether some concern more than single rows."""
        return bool(self._whole)

    def __len__(self) -> int:
        return len(self._whole) + sum(wrong.total for wrong in self._rows)

    def mentions(self, file: str) -> bool:
        whole = any(problem.file == file for problem in self._whole)
        return whole or any(wrong.file == file for wrong in self._rows)

    def add(self, problem: Problem) -> None:
        """Note a problem whose line is known or which has none."""
        self._whole.append(problem)

    def add_rows(
        self,
        file: str,
        column: str | None,
        reason: str,
        rows: Iterable[tuple[int, str | None]],
        total: int,
    ) -> None:
        """Note records (counted from 0 after the header) that share a reason; `rows` may be cut."""
        if total:
            self._rows.append(_Wrong(file, column, reason, dict(rows), total))

    def first(self, lines: Callable[[str, Iterable[int]], Mapping[int, int]]) -> list[Problem]:
        """The first `SHOWN`, file by file and line by line.

        `lines(file, records)` gives the line of each record, where it can be found.
        """
        found = list(self._whole)
        for wrong in self._rows:
            records = sorted(wrong.values)[:SHOWN]
            at = lines(wrong.file, records)
            found += [
                Problem(wrong.file, at.get(n), wrong.column, wrong.values[n], wrong.reason)
                for n in records
            ]
        found.sort(key=lambda problem: (problem.file, problem.line or 0))
        return found[:SHOWN]
