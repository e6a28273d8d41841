"""The first function of a hart's process: cut it loose from its parent's doings, then run the hart.

Rules (DESIGN law 8)
- the parent's death is ours: the signal is asked for first, then the parent is compared, so that a
  parent that died in between is seen;
- signals that ask for an end are main's business; every descriptor that was not given is closed;
- the process ends by `_exit`: objects it inherited are never finalised here.
Source: prctl(2) PR_SET_PDEATHSIG (tied to the parent *thread*: main forks from its main thread only).
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
from collections.abc import Iterable
from typing import NoReturn

from vcpu_worker.parts import Parts

PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK = 29
PR_SET_NAME = 15
# SIGTERM too: who ends a machine by its process group (timeout(1), service managers) means main, which
# then ends its harts; a hart that died first would be reported as lost
IGNORED = (
    signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTERM, signal.SIGPIPE,
)  # fmt: skip
EXIT_ORPHAN = 2  # the parent was gone already; nobody reads this status


def die_with_parent(parent: int) -> None:
    """Be killed when the parent thread ends; end now if `parent` is not our parent any more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(EXIT_ORPHAN)


def own_signals() -> None:
    """Ignore what a terminal sends, take defaults for the rest, and let signals through again.

    Main blocks these signals around the fork: none can meet the handlers that a child inherits.
    """
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGCONT, signal.SIGCHLD, signal.SIGBUS):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def close_others(keep: Iterable[int], errors: bool = True) -> None:
    """Close every descriptor but `keep` and, with `errors`, standard error; standard streams lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    if not errors:
        os.dup2(null, 2)
    at = 3
    for fd in sorted(set(keep)):
        if fd >= at:
            os.closerange(at, fd)
            at = fd + 1
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(at, 1 << 20 if most == resource.RLIM_INFINITY else max(most, at))


def name_process(name: str) -> None:
    """What `ps -e` shows; the kernel keeps 15 bytes."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def run_worker(parts: Parts) -> NoReturn:
    """The body of a hart's process. Called in the forked child; ends the process."""
    die_with_parent(parts.parent)
    own_signals()
    gc.disable()  # a collection would touch, and so copy, every page inherited from main
    close_others(parts.fds(), parts.errors)
    name_process(f"emu-hart{parts.hart}")
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)

    from vcpu_worker.worker import Worker

    os._exit(Worker(parts).run())
