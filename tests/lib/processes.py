"""Starting programs in sessions of their own, and asking what is left of them.

A program under test is its own session, so that everything it started can be found after its death: by
session number, zombies told from the living by state. Nobody else's process is touched.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


def session_members(session: int) -> list[psutil.Process]:
    """Living processes of a session. A zombie is dead: its parent has only not looked yet."""
    found = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == session:
                process = psutil.Process(pid)
                if process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                    found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


class Program:
    """A Python module run as a program. Use as a context manager: nothing of it survives the test."""

    def __init__(self, module: str, *args: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        self.pid = self.process.pid
        self._out = b""

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exc: object) -> None:
        for member in session_members(self.pid):
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def tell(self, *words: str) -> None:
        """Write lines to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(w + "\n" for w in words).encode())
        self.process.stdin.flush()

    def expect(self, start: str, timeout_s: float = PATIENCE_S) -> str:
        """Read standard output until a line starts so; that line. Fails at the end or the timeout."""
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        deadline = time.monotonic() + timeout_s
        seen: list[str] = []
        while True:
            line, newline, rest = self._out.partition(b"\n")
            if newline:
                self._out = rest
                seen.append(line.decode())
                if seen[-1].startswith(start):
                    return seen[-1]
                continue
            left = deadline - time.monotonic()
            assert left > 0, f"no line {start!r} in {timeout_s} s: {seen}, {self._errors_so_far()}"
            if select.select([fd], [], [], left)[0]:
                data = os.read(fd, 65536)
                assert data, f"no line {start!r} before the end: {seen}, {self.errors()}"
                self._out += data

    def _errors_so_far(self) -> str:
        assert self.process.stderr is not None
        fd = self.process.stderr.fileno()
        return os.read(fd, 65536).decode(errors="replace") if select.select([fd], [], [], 0)[0] else ""

    def errors(self) -> str:
        """All of standard error, once it is closed by everybody."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode(errors="replace")

    def status(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; the exit status."""
        return self.process.wait(timeout_s)

    def wait_stopped(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until it is stopped by a signal."""
        deadline = time.monotonic() + timeout_s
        process = psutil.Process(self.pid)
        while process.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, f"not stopped in {timeout_s} s but {process.status()}"
            time.sleep(0.002)  # the kernel tells only a stopped process's parent's waitpid, which Popen owns

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)

    def assert_nothing_left(self, within_s: float = 1.0) -> None:
        """No living process of its session, no shared memory name made by it, within a second."""
        deadline = time.monotonic() + within_s
        while True:
            left = [f"{p.pid}" for p in session_members(self.pid)]
            left += [n for n in os.listdir("/dev/shm") if f"-{self.pid}-" in n]
            if not left:
                return
            assert time.monotonic() < deadline, f"left after {within_s} s: {left}"
            time.sleep(0.005)  # a death by a parent's death is not announced to anybody
