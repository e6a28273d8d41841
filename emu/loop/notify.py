"""What the main loop hears from outside: its own notify event, and signals with their sender.

Rules
- signals that ask for something (INT, HUP, TERM) are blocked and read from a signalfd in the loop: no
  handler ever runs between two instructions of ours, and the sender's pid comes along;
- Ctrl-Z: everybody who asked is told before the process stops and after it goes on (harts ignore
  SIGTSTP, the terminal has to be given back);
- SIGPIPE is ignored from the start; before `catch` the default actions apply (BEHAVIOUR 1.8).
Source: signalfd(2): ssi_signo u32 at 0, ssi_pid u32 at 12, in records of 128 bytes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable
from dataclasses import dataclass

from ipc.doorbell import Bell

RECORD = 128
ASKING = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
CAUGHT = (*ASKING, signal.SIGTSTP)


class NotifyEvent:
    """qemu_notify_event: makes the next wait of the loop return at once."""

    def __init__(self) -> None:
        self._bell = Bell()

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._bell.fileno()

    def notify(self) -> None:
        """Wake the loop."""
        self._bell.ring()

    def clear(self) -> None:
        """It is awake."""
        self._bell.hear()

    def close(self) -> None:
        """Give the descriptor back."""
        self._bell.close()


@dataclass(frozen=True)
class Caught:
    """A signal: its number and who sent it (0: the terminal or the kernel)."""

    number: int
    pid: int


def _signalfd(numbers: tuple[signal.Signals, ...]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    mask = (ctypes.c_ulong * 16)()  # sigset_t of glibc and musl: 1024 bits
    bits = 8 * ctypes.sizeof(ctypes.c_ulong)
    for number in numbers:
        mask[(number - 1) // bits] |= 1 << ((number - 1) % bits)
    fd: int = libc.signalfd(-1, mask, os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "signalfd")
    return fd


class Signals:
    """The process's signals. `asked(caught)` for INT, HUP and TERM; see `around_stop` for Ctrl-Z."""

    def __init__(self, asked: Callable[[Caught], None]) -> None:
        self._asked = asked
        self._before: list[Callable[[], None]] = []
        self._after: list[Callable[[], None]] = []
        self.fd = _signalfd(CAUGHT)
        signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self.fd

    def around_stop(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Call `before` when Ctrl-Z stops the process, `after` when it goes on (in reverse order)."""
        self._before.append(before)
        self._after.insert(0, after)

    def read(self) -> None:
        """Take every signal there is."""
        try:
            data = os.read(self.fd, 16 * RECORD)
        except BlockingIOError:
            return
        for at in range(0, len(data), RECORD):
            (number,) = struct.unpack_from("=I", data, at)
            (pid,) = struct.unpack_from("=I", data, at + 12)
            if number == signal.SIGTSTP:
                self._stop()
            else:
                self._asked(Caught(number, pid))

    def _stop(self) -> None:
        for before in self._before:
            before()
        os.kill(os.getpid(), signal.SIGSTOP)  # returns when SIGCONT came
        for after in self._after:
            after()

    def close(self) -> None:
        """Back to default actions, pending ones included."""
        os.close(self.fd)
        for number in CAUGHT:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)


def command_of(pid: int) -> str | None:
    """The command line of a process, for "terminating on signal N from pid P (CMD)", or None."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    return words[0].decode(errors="replace") or None
