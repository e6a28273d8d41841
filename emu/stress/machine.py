"""A machine under stress: an emulator as a child process, its monitor, its console, its memory from outside.

Rules
- the emulator is a black box with the interfaces that every user has: a monitor on a socket, a serial port
  (a pipe, read all the time), /proc;
- it is a child in a session of its own, ended by its monitor or by SIGKILL; nothing of it is left.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from emu.errors import HostError
from emu.stress.client import Client, Ended
from emu.stress.situation import Situation, attach, progress_of, situation
from ipc.segment import Control

TAIL = 200  # lines of the console that a report shows
START_S = 120.0  # an engine that has to be built first is included
END_S = 20.0
WRONG = re.compile(
    r"FAILED|fatal:|unexpected trap|Kernel panic|BUG:|WARNING:|Oops|rcu:.*stall|soft lockup|hung_task"
    r"|Clocksource .* skewed|Traceback"
)


class Console:
    """The lines that the guest and the emulator have written, gathered by a thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.lines: list[str] = []
        self.count = 0
        self._cond = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        text = b""
        while True:
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                data = b""
            *lines, text = (text + data).split(b"\n")
            if not data and text:
                lines.append(text)
            with self._cond:
                self.count += len(lines)
                self.lines += [line.decode(errors="replace").rstrip("\r") for line in lines]
                self._ended = not data
                self._cond.notify_all()
            if not data:
                return

    def wait_for(self, pattern: str, after: int, timeout_s: float) -> int | None:
        """The number of the first line from `after` on in which `pattern` is found; None: not in time."""
        deadline = time.monotonic() + timeout_s
        at = after
        with self._cond:
            while True:
                while at < len(self.lines):
                    if re.search(pattern, self.lines[at]):
                        return at
                    at += 1
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    return None
                self._cond.wait(left)

    def wrong(self, after: int) -> str:
        """The first line from `after` on that tells of trouble in the guest, or ""."""
        with self._cond:
            return next((line for line in self.lines[after:] if WRONG.search(line)), "")

    def close(self) -> None:
        """The writer has ended."""
        self._thread.join(END_S)
        os.close(self._fd)


class Machine:
    """The emulator. line: its options but for monitor and serial port.

    Errors: HostError, if it does not start.
    """

    def __init__(self, line: Sequence[str], patience_s: float) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="emu-stress-"))
        self._control: Control | None = None
        path = self._folder / "qmp"
        read, write = os.pipe()
        serial_in, self.input = os.pipe()
        command = [sys.executable, "-m", "emu", *line, "-S", "-serial", "stdio",
                   "-qmp", f"unix:{path},server=on,wait=off"]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdin=serial_in, stdout=write, stderr=write, start_new_session=True
        )
        os.close(write)
        os.close(serial_in)
        self.console = Console(read)
        try:
            self.client = self._connect(path, patience_s)
            self.harts = len(self.client.command("query-cpus-fast").value)
        except BaseException:
            self.close()
            raise

    def _connect(self, path: Path, patience_s: float) -> Client:
        deadline = time.monotonic() + START_S
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = "; ".join(self.console.lines[-3:]) or "it says nothing"
                raise HostError(f"the machine does not start: {said}")
            try:
                return Client(path, patience_s)
            except (FileNotFoundError, ConnectionRefusedError, Ended):
                select.select([], [], [], 0.01)  # nothing tells when a socket appears

    # -- from outside

    @property
    def control(self) -> Control:
        """Its control object. Errors: HostError, it has none (any more)."""
        if self._control is None:
            self._control = attach(self.process.pid, self.harts)
        if self._control is None:
            raise HostError("the machine has no control object that could be looked at")
        return self._control

    def situation(self) -> Situation | None:
        """What everybody does; None if that cannot be seen."""
        try:
            return situation(self.control)
        except HostError:
            return None

    def worker(self, hart: int) -> int:
        """The process of a hart."""
        return self.control.hart(hart).get("worker_pid")

    def progress(self) -> list[int]:
        """Of each hart, a number that grows while it executes."""
        return [progress_of(self.control.hart(i)) for i in range(self.harts)]

    def type(self, text: str) -> None:
        """Send text to the guest's console."""
        os.write(self.input, text.encode())

    def close(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if hasattr(self, "client"):
            self.client.close()
        os.close(self.input)
        self.console.close()
        if self._control is not None:
            self._control.close()
            self._control = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def quit(self) -> int | None:
        """The command `quit`: exit status, None if it does not end."""
        self.client.command("quit")
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            return None

