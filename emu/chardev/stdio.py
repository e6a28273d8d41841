"""Standard input and output as a character device; the terminal, if it is one, in raw mode.

Rules
- the terminal gets its own settings back on every exit but SIGKILL, and while Ctrl-Z has us stopped; it
  is taken only when the signals are caught, so that none can end us in between;
- a process in the background leaves the terminal alone (changing it would stop us by SIGTTOU) until it
  comes to the foreground;
- with signals, Ctrl-C and Ctrl-Z act on us; without (`mon:stdio`), they go to the guest.
Source: termios(3); BEHAVIOUR 5.4, law 8.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import termios

from emu.chardev.base import Chardev
from emu.chardev.registry import Opening, char_driver
from emu.chardev.stream import own_descriptor
from emu.chardev.streamed import Streamed
from emu.daemon import is_daemonized
from emu.errors import UserError
from emu.loop.notify import Signals
from emu.loop.poll import MainLoop

IFLAG, OFLAG, CFLAG, LFLAG, CC = 0, 1, 2, 3, 6


class Terminal:
    """The terminal on a descriptor: `raw` and `restore`, any number of times."""

    def __init__(self, fd: int, signals: bool) -> None:
        self._fd = fd
        self._signals = signals
        self._before = termios.tcgetattr(fd)
        self._is_raw = False

    def raw(self) -> None:
        """No echo, no lines; signals as said. Nothing in the background, or when the terminal is gone."""
        try:
            if os.tcgetpgrp(self._fd) != os.getpgrp():
                return
            now = termios.tcgetattr(self._fd)
            now[IFLAG] &= ~(
                termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
                | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
            )  # fmt: skip
            now[OFLAG] |= termios.OPOST
            now[LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
            if not self._signals:
                now[LFLAG] &= ~termios.ISIG
            now[CFLAG] = now[CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
            now[CC][termios.VMIN], now[CC][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSANOW, now)
            self._is_raw = True
        except (OSError, termios.error):
            return

    def restore(self) -> None:
        """As it was found. Also from the background: SIGTTOU is held off."""
        if not self._is_raw:
            return
        self._is_raw = False
        held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTTOU,))
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        except (OSError, termios.error):
            return  # the terminal is gone
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)


class Stdio(Streamed):
    """One per process. signals: Ctrl-C and friends act on us."""

    filename = "stdio"
    _taken = False

    def __init__(self, label: str, loop: MainLoop, signals: bool = True) -> None:
        super().__init__(label, loop)
        if Stdio._taken:
            raise UserError("cannot use stdio by multiple character devices")
        Stdio._taken = True
        self._terminal: Terminal | None = None
        if os.isatty(0):
            self._terminal = Terminal(0, signals)
            # main's cleanup restores it; this is for exits that do not come by there
            atexit.register(self._terminal.restore)
        sys.stdout.flush()
        self.open_stream(own_descriptor(0, os.O_RDONLY), own_descriptor(1, os.O_WRONLY))

    def take_terminal(self, signals: Signals) -> None:
        """Raw from now on, but for the times when the process is stopped."""
        if self._terminal is not None:
            signals.around_stop(self._terminal.restore, self._terminal.raw)
            self._terminal.raw()

    def close(self) -> None:
        """Last words, then the terminal as it was."""
        super().close()
        if self._terminal is not None:
            self._terminal.restore()
            atexit.unregister(self._terminal.restore)
        Stdio._taken = False


@char_driver("stdio")
def open_stdio(o: Opening) -> Chardev:
    """As `Stdio`. Errors: UserError in a daemon, whose standard streams lead nowhere."""
    if is_daemonized():
        raise UserError("cannot use stdio with -daemonize")
    return Stdio(o.label, o.loop, o.spec.signals)
