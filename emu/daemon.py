"""-daemonize: the machine goes on in the background; the command returns when it is ready.

    daemon = Daemon()       here the caller's process ends up waiting, and never returns
    ...                     the machine is made, by the process that stays: harts are its own children (law 8)
    daemon.ready()          standard streams are let go, the waiting process exits with 0

Rules
- as in QEMU, it is begun before the pid file is written (which so has the daemon's pid) and before anything
  is opened; an error of the start still goes to the terminal, and makes the status 1;
- who waits waits for a byte: a daemon that dies instead, in whatever way, ends the pipe, and that is a 1;
- a daemon whose waiting process is gone when it is ready ends too: nobody would know of it.
Source: daemon(7); BEHAVIOUR 3.4; QEMU 10.0.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from emu.errors import HostError, strerror

UMASK = 0o027
_NOT_OURS = (signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN)
_state = {"daemon": False}


def is_daemonized() -> bool:
    """Whether this process has no terminal any more, or is about to let it go."""
    return _state["daemon"]


class Daemon:
    """Errors: HostError if the host gives no process."""

    def __init__(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        waiting, self._ready = os.pipe()
        if _fork():
            os.close(self._ready)
            _wait(waiting)
        os.close(waiting)
        os.setsid()
        if _fork():
            os._exit(0)  # so that nobody in the new session leads it, and no terminal can become its own
        os.umask(UMASK)
        for number in _NOT_OURS:
            signal.signal(number, signal.SIG_IGN)
        _state["daemon"] = True

    def ready(self, keep_errors: bool) -> None:
        """Let the terminal and the directory go; the waiting process exits with 0.

        keep_errors: standard error is the log's. Errors: HostError if nobody waits any more.
        """
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1) if keep_errors else (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        try:
            os.write(self._ready, b"\0")
        except BrokenPipeError as error:
            raise HostError("whoever started the daemon is gone") from error
        finally:
            os.close(self._ready)


def _fork() -> int:
    try:
        return os.fork()
    except OSError as error:
        raise HostError(f"cannot fork: {strerror(error)}") from error


def _wait(fd: int) -> NoReturn:
    """Until the daemon has said something, or cannot any more."""
    said = os.read(fd, 1)
    # nothing of ours may run here: what the start registered for the end is the daemon's
    os._exit(0 if said == b"\0" else 1)
