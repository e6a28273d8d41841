"""A serial line of the host as a character device: a tty in raw mode, 115200 8N1 until the guest says more.

Source: termios(3); BEHAVIOUR 5.4; texts of QEMU 10.0.13.
"""

from __future__ import annotations

import fcntl
import os
import termios
import tty

from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.chardev.stream import Stream
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop

TIOCSBRK, TIOCCBRK = 0x5427, 0x5428  # which Python does not name


class SerialLine(Chardev):
    """Errors: HostError with QEMU's text."""

    filename = "serial"
    connected = True

    def __init__(self, label: str, loop: MainLoop, path: str) -> None:
        super().__init__(label)
        try:
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(f"Could not open '{path}': {strerror(error)}") from error
        self._fd = fd
        _configure(fd)
        self._stream = Stream(
            loop, fd, fd, lambda: self.frontend.can_receive(), lambda data: self.frontend.receive(data),
            lambda: self.frontend.backend_writable(), lambda: None,
        )  # fmt: skip

    def put(self, data: bytes) -> int:
        """To the line."""
        return self._stream.write(data)

    def watch_writable(self) -> None:
        """As `Chardev`."""
        self._stream.watch_writable()

    def accept_input(self) -> None:
        """As `Chardev`."""
        self._stream.accept_input()

    def set_break(self, on: bool) -> None:
        """Drive it; a line that cannot (a pseudo-terminal) does not."""
        try:
            fcntl.ioctl(self._fd, TIOCSBRK if on else TIOCCBRK)
        except OSError:
            return

    def close(self) -> None:
        """Write the rest."""
        self._stream.close()


def _configure(fd: int) -> None:
    """Raw, 115200 8N1. What is no terminal is taken as it is, as QEMU does."""
    try:
        tty.setraw(fd, termios.TCSANOW)
        now = termios.tcgetattr(fd)
        now[2] = now[2] & ~(termios.CSTOPB | termios.CRTSCTS) | termios.CREAD | termios.CLOCAL
        now[4] = now[5] = termios.B115200
        termios.tcsetattr(fd, termios.TCSANOW, now)
    except (OSError, termios.error):
        return


@char_driver("serial")
def open_serial(o: Opening) -> Chardev:
    """As `SerialLine`."""
    return SerialLine(o.label, o.loop, o.spec.path)
