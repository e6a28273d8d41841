"""What the main loop hears from outside: its own notify event, and signals with their sender.

Rules
- signals that ask for something (INT, HUP, TERM) are blocked and read from a signalfd in the loop: no
  handler ever runs between two instructions of ours, and the sender's pid comes along;
- Ctrl-Z: everybody who asked is told before the process stops and after it goes on (harts ignore
  SIGTSTP, the terminal has to be given back). The stop itself is left to the kernel, which knows when
  there is nobody to end it (an orphaned process group is not stopped);
- the same before a signal that simply ends us (Ctrl-\\ and its like): the terminal outlives the process;
- SIGPIPE is ignored from the start; before a `Signals` is made the default actions apply (BEHAVIOUR 1.8).
Source: signalfd(2): ssi_signo u32 at 0, ssi_pid u32 at 12, in records of 128 bytes; setpgid(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ipc.doorbell import Bell

RECORD = 128
ASKING = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
DEADLY = (signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
CAUGHT = (*ASKING, signal.SIGTSTP, signal.SIGCONT, *DEADLY)


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


def _signalfd(numbers: Sequence[signal.Signals]) -> int:
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
        # one that whoever started us had ignored stays ignored, unless it asks (QEMU takes those always)
        self._caught = [n for n in CAUGHT if n not in DEADLY or signal.getsignal(n) is signal.SIG_DFL]
        self.fd = _signalfd(self._caught)
        signal.pthread_sigmask(signal.SIG_BLOCK, self._caught)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self.fd

    def around_stop(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Call `before` when Ctrl-Z stops the process, `after` when it goes on (in reverse order).

        `before` is also called before a signal ends us, `after` also when another has stopped us: each
        must bear to be called without the other.
        """
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
            if number in ASKING:
                self._asked(Caught(number, pid))
            elif number == signal.SIGCONT:
                self._go_on()
            else:
                self._default_action(number)

    def _default_action(self, number: int) -> None:
        for before in self._before:
            before()
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))  # here we stop until SIGCONT, or end
        signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
        self._go_on()

    def _go_on(self) -> None:
        for after in self._after:
            after()

    def close(self) -> None:
        """Back to default actions. What is pending is forgotten: who asks twice is not answered twice."""
        os.close(self.fd)
        for number in self._caught:
            signal.signal(number, signal.SIG_IGN)
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._caught)


def command_of(pid: int) -> str | None:
    """The command line of a process, for "terminating on signal N from pid P (CMD)", or None."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    return words[0].decode(errors="replace") or None
