"""gdb-multiarch as a child process: commands in, their output out; and where to find it.

    with GdbClient(socket, elf) as gdb:
        gdb.tell("break check_crc"); text = gdb.tell("continue")

A command is done when the mark that is echoed behind it comes. One that waits for the machine is given
with `start`, and its output taken with `result`, after whatever makes the machine stop.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

from emu.guests import GuestMissing, guest

PATIENCE_S = 60.0
# without a file gdb takes the target for a Linux process, and steps by breakpoints where it expects the pc
BARE = ("set architecture riscv:rv64", "set osabi none")


def need_gdb() -> str:
    """The debugger's path: the host's own, or what `emu fetch --gdb` has brought. Skips, or fails in CI."""
    found = shutil.which("gdb-multiarch")
    if found is not None:
        return found
    try:
        return str(guest("gdb"))
    except GuestMissing:
        text = "gdb-multiarch is not installed: install it, or run 'emu fetch --gdb'"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)


class GdbClient:
    """gdb on a file with symbols (or none), connected to `socket`."""

    def __init__(self, socket: Path | str, elf: Path | None = None, *first: str) -> None:
        command = [need_gdb(), "-q", "-nx", *([str(elf)] if elf else [])]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C", "TERM": "dumb"}, start_new_session=True,
        )  # fmt: skip
        self._out = b""
        self._marks = 0
        self.tell(
            "set pagination off", "set confirm off", "set width 0", "set style enabled off",
            "set debuginfod enabled off", *(BARE if elf is None else ()), *first,
        )  # fmt: skip
        self.greeting = self.tell(f"target remote {socket}")

    def __enter__(self) -> GdbClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def start(self, *commands: str) -> None:
        """Give commands, and do not wait for them."""
        self._marks += 1
        text = "".join(f"{c}\n" for c in (*commands, f"echo <mark {self._marks}>\\n"))
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def result(self, timeout_s: float = PATIENCE_S) -> str:
        """What the commands given last have printed, when they are done."""
        mark = f"<mark {self._marks}>\n".encode()
        self._read_until(mark, timeout_s)
        text, _, self._out = self._out.partition(mark)
        return text.decode().replace("(gdb) ", "").strip()

    def _read_until(self, mark: bytes, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while mark not in self._out:
            left = end - time.monotonic()
            assert left > 0, f"gdb did not come back in {timeout_s} s: {self._out.decode()!r}"
            if select.select([fd], [], [], left)[0]:
                data = os.read(fd, 65536)
                assert data, f"gdb ended: {self._out.decode()!r}"
                self._out += data

    def tell(self, *commands: str, timeout_s: float = PATIENCE_S) -> str:
        """Commands, and what they print."""
        self.start(*commands)
        return self.result(timeout_s)

    def running(self) -> None:
        """Return when gdb says that the machine runs."""
        self._read_until(b"Continuing.", PATIENCE_S)

    def number(self, expression: str) -> int:
        """The value of an expression."""
        text = self.tell(f"output/x {expression}")
        assert re.fullmatch(r"0x[0-9a-f]+", text), text
        return int(text, 16)

    def interrupt(self) -> None:
        """Ctrl-C, once the machine runs: before that it would end the command that is to let it run."""
        self.running()
        self.process.send_signal(signal.SIGINT)
