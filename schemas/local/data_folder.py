"""The folder in which `stopcast up` keeps its databases, for one `stopcast up` at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from schemas.errors import StopcastError

# The processes of a killed `up` end within seconds (schemas/local/children.py) and hold the lock till then.
PATIENCE = 15.0


class DataFolderError(StopcastError):
    """The data folder cannot be used; the text says why and what to do."""


@contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """Make the folder, keep it ours until the block ends; its absolute path.

    Raises:
        DataFolderError: another `stopcast up` uses it, or the databases could not live there.
    """
    path = path.resolve()
    if len(str(path).split()) > 1:
        raise DataFolderError(
            f"data folder {str(path)!r}: the embedded databases cannot live below a path with "
            "spaces; choose another folder with --data-dir"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("a+")
    except OSError as error:
        raise DataFolderError(f"data folder {path}: {error.strerror}") from None
    with lock:
        _take(lock, path)
        yield path


def _take(lock: TextIO, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = _owner(lock)
            if _alive(owner) or time.monotonic() > deadline:
                raise DataFolderError(
                    f"data folder {path}: in use by another `stopcast up` (pid {owner}); "
                    "end it, or choose another folder with --data-dir"
                ) from None
            time.sleep(0.1)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != 0


def _owner(lock: TextIO) -> int:
    lock.seek(0)
    text = lock.read()
    return int(text) if text.isdigit() else 0
