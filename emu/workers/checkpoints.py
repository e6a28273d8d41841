"""Named moments at which a test may stop the main process, to kill it there.

A moment is reached by calling `reached(name)`. With `-machine x-checkpoint=NAME` (hidden, for tests) the
process stops itself by SIGSTOP the first time it comes to NAME; without, nothing happens.
"""

from __future__ import annotations

import os
import signal

NAMES = (
    "after_shm_open",  # a POSIX name exists
    "before_unlink",  # the same, one statement before it goes
    "after_fork_N",  # N workers have been forked, N = 1, 2, ...
    "half_mapped",  # half of the workers have said that they are ready
    "in_mmio_reply",  # a hart's request is begun and not answered
    "in_pause_gather",  # harts have been asked to stop, not all have acknowledged
    "in_reset",  # harts have been asked to reset, not all have acknowledged
    "in_quit",  # workers have been asked to end
)


def is_checkpoint(name: str) -> bool:
    """Whether there is such a checkpoint (after_fork_3 is one)."""
    head, _, number = name.rpartition("_")
    return name in NAMES[:2] + NAMES[3:] or (head == "after_fork" and number.isdecimal())


class Checkpoints:
    """Calling it tells that a checkpoint is reached. `stop_at`: where to stop, or None."""

    def __init__(self, stop_at: str | None = None) -> None:
        if stop_at is not None and not is_checkpoint(stop_at):
            raise ValueError(f"there is no checkpoint {stop_at!r}")
        self._stop_at = stop_at

    def __call__(self, name: str) -> None:
        """`name` is reached."""
        if name == self._stop_at:
            self._stop_at = None
            os.kill(os.getpid(), signal.SIGSTOP)
