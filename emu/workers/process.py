"""A child process: forked from the clean main process, watched by a pidfd, never left behind.

Rules (DESIGN law 8)
- `multiprocess` with the fork context, from the main thread of a process that has no other (a child
  dies with the *thread* that made it);
- signals that a terminal sends are blocked around the fork: the child changes what they do first;
- a process that ends by a bug of ours kills its children first: multiprocess would wait for them, and
  they ignore SIGTERM;
- a death is seen on the pidfd, and its status is reaped there. kill(pid, 0) would take a zombie for alive.
"""

from __future__ import annotations

import atexit
import os
import signal
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import multiprocess
import multiprocess.util  # registers its exit handler, which waits for children

_CONTEXT = multiprocess.get_context("fork")
SHIELDED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTERM)


_LIVING: weakref.WeakSet[Process] = weakref.WeakSet()


def _kill_living() -> None:
    for process in list(_LIVING):
        if process.parent == os.getpid() and process.reap() is None:
            process.kill()


atexit.register(_kill_living)  # registered later than multiprocess's, it is called before


class _Handle(Protocol):
    """What we use of multiprocess.Process."""

    pid: int | None
    exitcode: int | None

    def start(self) -> None: ...
    def join(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Ended:
    """How a process ended: `signal` that killed it or 0, and its exit `status`."""

    signal: int
    status: int

    def text(self) -> str:
        """For people."""
        if self.signal:
            return f"killed by signal {self.signal} ({signal.strsignal(self.signal) or 'unknown'})"
        return f"ended with status {self.status}"


class Process:
    """A child that is running, or has ended and been reaped (`ended`)."""

    def __init__(self, target: Callable[..., Any], args: tuple[object, ...], name: str) -> None:
        self._handle: _Handle = _CONTEXT.Process(target=target, args=args, name=name, daemon=True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SHIELDED)
        try:
            self._handle.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        pid = self._handle.pid
        assert pid is not None
        self.pid: int = pid
        self._pidfd = os.pidfd_open(pid)
        self.parent = os.getpid()
        self.ended: Ended | None = None
        _LIVING.add(self)

    def fileno(self) -> int:
        """A descriptor that is readable once the process has ended."""
        return self._pidfd

    def reap(self) -> Ended | None:
        """How it ended, or None if it has not."""
        if self.ended is None and self._pidfd >= 0:
            code = self._handle.exitcode
            if code is not None:
                self.ended = Ended(-code, 0) if code < 0 else Ended(0, code)
        return self.ended

    def kill(self) -> None:
        """SIGKILL; nothing if it has ended."""
        if self.ended is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self) -> Ended:
        """Wait until it has ended."""
        self._handle.join()
        ended = self.reap()
        assert ended is not None
        return ended

    def cpu_ns(self) -> int:
        """Processor time it has used, ns; 0 if it is gone."""
        try:
            # the clock of another process's time, as clock_getcpuclockid(3) makes it on Linux
            return time.clock_gettime_ns((~self.pid << 3) | 2)
        except OSError:
            return 0

    def host_state(self) -> str:
        """What the kernel says it is doing: one letter and a word, for people."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return "gone"
        letter = stat.rpartition(")")[2].split()[0]
        return {"R": "R, wants a processor", "S": "S, sleeping", "T": "T, stopped by a signal",
                "D": "D, waiting for the host", "Z": "Z, dead"}.get(letter, letter)  # fmt: skip

    def close(self) -> None:
        """Forget a process that has ended."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
            self._handle.close()
