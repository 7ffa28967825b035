"""The Procfile's processes as children of `stopcast up`: started, watched and ended together."""

import multiprocessing
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import KILL_WAIT, Manager
from honcho.process import Popen, Process

from schemas.errors import StopcastError

PROCFILE = Path(__file__).parents[2] / "Procfile"  # beside the packages, in a wheel too
_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class ChildError(StopcastError):
    """A process ended by itself; the text says which one and how."""


def procfile() -> dict[str, str]:
    """The command line of each process of the Procfile, by name."""
    return dict(parse_procfile(PROCFILE.read_text()).processes)


def run_to_end(name: str, command: str, env: Mapping[str, str]) -> None:
    """Run one command before the others, in the open: its progress bar is the terminal's.

    Raises:
        ChildError: it ended with another code than 0; it has said why.
    """
    code = subprocess.run(shlex.split(command), env=dict(env), check=False).returncode  # noqa: S603  # our own command lines
    if code != 0:
        raise ChildError(f"{name} ended with exit code {code}: {command}")


def run_together(
    commands: Mapping[str, str], env: Mapping[str, str], started: Callable[[], None]
) -> None:
    """Run the commands until one ends or SIGINT, SIGTERM or SIGHUP comes, then end them all.

    Their output goes to stdout, a line at a time, each with its process' name before it. `started` is
    called in a thread of its own once all have been started.

    Raises:
        ChildError: one ended by itself.
    """
    children = _Children(started)
    for name, command in commands.items():
        # Without `exec` a shell would stand between, and its exit code would be the signal's.
        children.add_process(name, f"exec {command}", env=dict(env))
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        children.loop()
    except BaseException:
        children.kill()  # else multiprocessing waits for them at exit, for ever
        raise
    if children.ended_first:
        text = ", ".join(f"{name} (exit code {code})" for name, code in children.ended_first)
        raise ChildError(f"ended by itself, and everything with it: {text}")


class _Children(Manager):  # type: ignore[misc]  # honcho has no types
    """honcho's supervisor, which also remembers who ended first."""

    def __init__(self, started: Callable[[], None]) -> None:
        super().__init__()
        self._process_ctor = _Child
        self._started = started
        self._ending = False
        self.ended_first: list[tuple[str, int]] = []

    def _start(self) -> None:
        # A fork would handle them as we do, until it ignores them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        super()._start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # Only now: honcho forks, and a fork takes no threads along.
        threading.Thread(target=self._started, daemon=True).start()

    def terminate(self) -> None:
        """Called when one process has ended, or by a signal, when none has.

        Nothing ends before all have told that they have started: honcho ends them by what they tell.
        """
        self._ending = True
        if not self._all_started():
            return
        if not self._terminating:
            self.ended_first = [
                (name, process["returncode"])
                for name, process in self._processes.items()
                if "returncode" in process
            ]
        super().terminate()

    def _system_print(self, data: str) -> None:
        """Also called for each process that has told of its start."""
        super()._system_print(data)
        if self._ending:
            self.terminate()


class _Child(Process):  # type: ignore[misc]  # honcho has no types
    """A process that also ends when `stopcast up` is gone: killed, or its terminal closed."""

    def run(self, *args: Any) -> None:
        # The process that reads the child's output is in the terminal's group; the child is not.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        self._child_ctor = _popen_while_parent_lives
        super().run(*args)


def _popen_while_parent_lives(*args: Any, **kwargs: Any) -> Popen:
    child = Popen(*args, **kwargs)
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    return child


def _end_with_parent(child: Popen) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:  # not one of multiprocessing's: there is nobody to follow
        return
    parent.join()
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(KILL_WAIT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
    os._exit(1)  # nobody reads the queue that a clean exit would wait for
