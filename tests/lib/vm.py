"""The real program as a child process: its console as a stream to wait on, its exit status.

    with Emu("-M", "virt", "-kernel", path, "-nographic") as vm:
        vm.expect(rb"login:", timeout=60); vm.send(b"root\n"); assert vm.wait(30) == 0

Rules: deadlines are in seconds of this process's clock and generous (hosts are loaded); what fails
shows the console's tail. On leaving, the process is killed by pid and must leave nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from types import TracebackType

TAIL = 3000


class ConsoleTimeout(AssertionError):
    """What was waited for did not come; the text shows the console's tail."""


class Emu:
    """`emu ARGS...` with pipes for its three streams. Attributes: console (bytes so far), errors."""

    def __init__(
        self, *args: str, program: str = "emu-system-riscv64", env: dict[str, str] | None = None
    ) -> None:
        self.args = [sys.executable, "-m", "emu", *args]
        if program == "emu-system-riscv64":
            self.args = [sys.executable, "-c", _AS_QEMU, *args]
        self.console = b""
        self.errors = b""
        self._seen = 0
        self.process = subprocess.Popen(
            self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._open = {self.process.stdout.fileno(): "console", self.process.stderr.fileno(): "errors"}

    def __enter__(self) -> Emu:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    @property
    def pid(self) -> int:
        """Process id of the main loop."""
        return self.process.pid

    def send(self, data: bytes) -> None:
        """Bytes to the console."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def let_go(self) -> None:
        """End its input, and do not read its output any more; standard error is read on."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self._open.pop(self.process.stdout.fileno(), None)
        self.process.stdout.close()

    def _read(self, timeout: float) -> bool:
        """Take what there is, after waiting at most `timeout`. False: both streams are at their end."""
        if not self._open:
            return False
        ready, _, _ = select.select(list(self._open), [], [], max(timeout, 0))
        for fd in ready:
            data = os.read(fd, 65536)
            name = self._open[fd]
            setattr(self, name, getattr(self, name) + data)
            if not data:
                del self._open[fd]
        return True

    def expect(self, pattern: bytes, timeout: float = 60) -> re.Match[bytes]:
        """The next match of a regular expression in the console, searched behind the one before."""
        end = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.console[self._seen :])
            if found:
                self._seen += found.end()
                return found
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                status = self.process.poll()
                why = "the console closed" if not self._open else f"{timeout} s passed"
                raise ConsoleTimeout(f"{pattern!r} did not come: {why} (exit status {status})\n{self.tail()}")

    def expect_error(self, text: bytes, timeout: float = 60) -> None:
        """Wait until `text` is on standard error."""
        end = time.monotonic() + timeout
        while text not in self.errors:
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise ConsoleTimeout(f"no {text!r} on standard error\n{self.tail()}")

    def wait(self, timeout: float = 60) -> int:
        """The exit status, reading the streams to their ends."""
        end = time.monotonic() + timeout
        while self._open:
            left = end - time.monotonic()
            if left <= 0:
                raise ConsoleTimeout(f"still running after {timeout} s\n{self.tail()}")
            self._read(left)
        return self.process.wait(max(end - time.monotonic(), 1))

    def tail(self) -> str:
        """The last of console and errors, for people."""
        console = self.console[-TAIL:].decode(errors="replace")
        errors = self.errors[-TAIL:].decode(errors="replace")
        return f"--- console\n{console}\n--- errors\n{errors}"


_AS_QEMU = "import sys; sys.argv[0] = 'emu-system-riscv64'; from emu.main import main; sys.exit(main())"
