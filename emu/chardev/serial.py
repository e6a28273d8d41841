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
from emu.chardev.streamed import Streamed
from emu.errors import HostError, strerror
from emu.loop.poll import MainLoop

TIOCSBRK, TIOCCBRK = 0x5427, 0x5428  # which Python does not name


class SerialLine(Streamed):
    """Errors: HostError with QEMU's text."""

    filename = "serial"

    def __init__(self, label: str, loop: MainLoop, path: str) -> None:
        super().__init__(label, loop)
        try:
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise HostError(f"Could not open '{path}': {strerror(error)}") from error
        self._fd = fd
        _configure(fd)
        self.open_stream(fd, fd)

    def set_break(self, on: bool) -> None:
        """Drive it; a line that cannot (a pseudo-terminal) does not."""
        try:
            fcntl.ioctl(self._fd, TIOCSBRK if on else TIOCCBRK)
        except OSError:
            return


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
