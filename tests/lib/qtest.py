"""A qtest session with a real emulator process: the client's side of emu.qtest."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 60


class Session:
    """`ask` sends a line and gives its reply; `irqs` are the notices that came before it."""

    def __init__(self, process: subprocess.Popen[str], peer: socket.socket) -> None:
        self.process = process
        self._peer = peer
        self._lines = peer.makefile("r", encoding="utf-8", newline="\n")
        self.irqs: list[str] = []

    def send(self, text: str) -> None:
        """Raw text."""
        self._peer.sendall(text.encode())

    def reply(self) -> str:
        """The next reply."""
        self.irqs = []
        while (line := self._lines.readline().rstrip("\n")).startswith("IRQ "):
            self.irqs.append(line.removeprefix("IRQ "))
        return line

    def ask(self, line: str) -> str:
        """A command and its reply."""
        self.send(line + "\n")
        return self.reply()

    def load(self, gpa: int, width: str = "l") -> int:
        """A register or a word of memory."""
        return int(self.ask(f"read{width} {gpa:#x}").removeprefix("OK "), 0)

    def store(self, gpa: int, value: int, width: str = "l") -> None:
        """To a register or to memory."""
        assert self.ask(f"write{width} {gpa:#x} {value:#x}") == "OK"

    def end(self) -> tuple[int, str]:
        """SIGTERM, as libqtest does it: exit status, standard error."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@contextmanager
def qtest(
    folder: Path, *words: str, command: Sequence[str] = (sys.executable, "-m", "emu")
) -> Iterator[Session]:
    """An emulator with these words on its command line, driven by us."""
    path = folder / "qtest.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        server.settimeout(PATIENCE_S)
        line = [*command, *words, "-accel", "qtest", "-qtest", f"unix:{path}",
                "-qtest-log", "/dev/null", "-display", "none"]  # fmt: skip
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        try:
            peer, _ = server.accept()
        except BaseException:
            process.kill()
            process.communicate()
            raise
        with peer:
            peer.settimeout(PATIENCE_S)
            session = Session(process, peer)
            try:
                yield session
            finally:
                if process.poll() is None:
                    process.kill()
                process.communicate()
                path.unlink()
