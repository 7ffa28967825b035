"""Several gateway processes on one port, and the parent that starts them, again too, and ends them.

Each worker listens on the port with a socket of its own (SO_REUSEPORT), and the kernel spreads the
connections over these. The parent holds no connection, so there is nothing to lose in it.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType

import structlog

from gateway.supervision import FIRST_DELAY, LONGEST_DELAY
from schemas.errors import StopcastError

log = structlog.get_logger()

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Seconds between two looks at the workers while none ends.
LOOK = 0.5
# A signal may come before a worker has begun to handle it.
_ENDED_WELL = (0, *(-number for number in SIGNALS))


class WorkerError(StopcastError):
    """Workers ended badly when they were told to end."""


class Workers:
    """Processes that run `serve(number)` until SIGINT or SIGTERM, which each of them gets, too."""

    def __init__(self, count: int, serve: Callable[[int], None]) -> None:
        self._workers = [_Worker(number, serve) for number in range(count)]
        self._stopping = False

    def run(self) -> None:
        """Return when all have ended after a signal; one that ends before is started again.

        Raises:
            WorkerError: names those that did not end well.
        """
        for number in SIGNALS:
            signal.signal(number, self._stop)
        try:
            while not self._stopping or any(worker.alive for worker in self._workers):
                self._start()
                wait([worker.process.sentinel for worker in self._workers if worker.alive], LOOK)
        except BaseException:
            for worker in self._workers:
                worker.signal(signal.SIGKILL)  # else multiprocessing waits for them, for ever
            raise
        codes = {worker.number: worker.process.exitcode for worker in self._workers}
        if badly := {number: code for number, code in codes.items() if code not in _ENDED_WELL}:
            raise WorkerError(f"exit codes of the workers that did not end well: {badly}")

    def _start(self) -> None:
        with _signals_held():  # else one may come between the question and the fork
            if not self._stopping:
                for worker in self._workers:
                    worker.keep()

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        for worker in self._workers:
            worker.signal(number)


class _Worker:
    """One place among the workers, and the process that has it."""

    def __init__(self, number: int, serve: Callable[[int], None]) -> None:
        self.number = number
        self._serve = serve
        self.process = self._made()
        self._started = 0.0
        self._delay = FIRST_DELAY
        self._due: float | None = 0.0  # when it is started (again); None: it was

    @property
    def alive(self) -> bool:
        return self.process.pid is not None and self.process.is_alive()

    def signal(self, number: int) -> None:
        if self.alive and self.process.pid:
            os.kill(self.process.pid, number)

    def keep(self) -> None:
        """Start it, or start it again after a delay that grows while it ends early."""
        now = time.monotonic()
        if self._due is None and not self.alive:
            log.error("worker_ended", worker=self.number, exit_code=self.process.exitcode)
            if now - self._started > LONGEST_DELAY:
                self._delay = FIRST_DELAY
            self._due = now + self._delay
            self._delay = min(self._delay * 2, LONGEST_DELAY)
            self.process = self._made()
        if self._due is not None and self._due <= now:
            self._due, self._started = None, now
            self.process.start()

    def _made(self) -> ForkProcess:
        context = multiprocessing.get_context("fork")
        return context.Process(target=self._run, name=f"worker-{self.number}")

    def _run(self) -> None:
        """In the new process."""
        os.setpgid(0, 0)  # Ctrl-C goes to the parent, which hands it on
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        structlog.contextvars.bind_contextvars(worker=self.number)
        try:
            self._serve(self.number)
        except StopcastError as error:
            log.error("worker_failed", error=str(error))  # noqa: TRY400  # its text says all
            raise SystemExit(1) from None


@contextmanager
def _signals_held() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_with_parent() -> None:
    """Drain when the parent was killed: nobody would ever tell."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
