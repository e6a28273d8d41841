"""Where a hart's trace goes: a file, or a pipe that somebody may not be reading.

Rule: a hart that cannot write waits, as it would for any device, but never deaf: a request of main ends the
wait, and what is left is written before anything more is reported.
Source: pipe(7): a pipe that polls writable takes PIPE_BUF bytes without blocking.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

CHUNK = select.PIPE_BUF
LOOK_MS = 50  # a request is seen within this time


class TraceLog:
    """`fd`: of the log, -1 for none. It is shared with other processes, so its flags are left alone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        self._poll = select.poll()
        if fd >= 0:
            self._poll.register(fd, select.POLLOUT)

    def write(self, text: str, interrupted: Callable[[], bool]) -> None:
        """Write what was left, then `text`, as far as it goes until `interrupted()` says so."""
        if self._fd < 0:
            return
        self._rest += text.encode()
        while self._rest:
            if self._poll.poll(LOOK_MS):
                try:
                    self._rest = self._rest[os.write(self._fd, self._rest[:CHUNK]) :]
                except BlockingIOError:
                    continue  # somebody else was quicker, on a descriptor that does not block
                except OSError:
                    self._rest = b""  # nobody will ever read it: a closed pipe, a full disk
            elif interrupted():
                return
