"""Doorbells: eventfds that wake a sleeping process, and a wait with nanosecond timeouts.

Rules
- ringing is a system call and never blocks; a bell rung twice before it is heard is heard once;
- a bell says "look at your levels", nothing else: what happened is in shared memory (law 4);
- a bell is made before the processes that share it are forked and keeps its number in all of them.

`wait` is ppoll: Python's own poll and epoll count milliseconds, a guest timer 100 us.
Source: eventfd(2), ppoll(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence

ONE = (1).to_bytes(8, "little")


class Bell:
    """One eventfd. `blocking`: `hear` waits until it is rung; else it returns at once."""

    def __init__(self, blocking: bool = False) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | (0 if blocking else os.EFD_NONBLOCK))

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self.fd

    def ring(self) -> None:
        """Wake whoever waits. Never blocks: a counter that is full is rung already."""
        try:
            os.eventfd_write(self.fd, 1)
        except BlockingIOError:
            return

    def hear(self) -> bool:
        """Take all rings so far; whether there were any."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)
        self.fd = -1


class _PollFd(ctypes.Structure):
    _fields_ = (("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short))


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


POLLIN = 1
_libc = ctypes.CDLL(None, use_errno=True)
_ppoll = _libc.ppoll
_ppoll.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p)
_ppoll.restype = ctypes.c_int
MAX_SECONDS = 2**31 - 1  # as QEMU caps it


class Waiter:
    """Waits until one of a fixed set of descriptors is readable."""

    def __init__(self, fds: Sequence[int]) -> None:
        self._fds = (_PollFd * len(fds))(*[_PollFd(fd, POLLIN, 0) for fd in fds])
        self._count = len(fds)
        self._time = _Timespec()

    def wait(self, timeout_ns: int = -1) -> bool:
        """Sleep until a descriptor is readable (True), or `timeout_ns` passed or a signal came (False).

        timeout_ns: below 0 = for ever.
        """
        at: object = None
        if timeout_ns >= 0:
            seconds, self._time.tv_nsec = divmod(timeout_ns, 1_000_000_000)
            self._time.tv_sec = min(seconds, MAX_SECONDS)
            at = ctypes.byref(self._time)
        got: int = _ppoll(self._fds, self._count, at, None)
        if got < 0:
            number = ctypes.get_errno()
            if number not in (errno.EINTR, errno.EAGAIN):
                raise OSError(number, os.strerror(number), "ppoll")
        return got > 0

    def ready(self) -> list[bool]:
        """Which descriptors the last `wait` found, in order."""
        return [p.revents != 0 for p in self._fds]
