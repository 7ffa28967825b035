"""How far a command has come, as a bar on stderr; nothing where that is no terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from feeds.gtfs.schedule import Progress as Show


@contextmanager
def bar() -> Iterator[Show]:
    """One bar, for the step that goes on now."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        only = bars.add_task("waiting", total=None)

        def show(step: str, done: int, total: int) -> None:
            bars.update(only, description=step, completed=done, total=total)

        yield show
