"""Run states and their legal transitions.

Rule: the table below is the only place that says which step is legal. An illegal one is a bug of ours:
it prints both states and aborts. A state to itself is a silent no-op.
Source: BEHAVIOUR 1.1 (QEMU's names, as QMP spells them).
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Callable


class RunState(enum.Enum):
    """What the machine is doing."""

    DEBUG = "debug"
    INMIGRATE = "inmigrate"
    INTERNAL_ERROR = "internal-error"
    IO_ERROR = "io-error"
    PAUSED = "paused"
    POSTMIGRATE = "postmigrate"
    PRELAUNCH = "prelaunch"
    FINISH_MIGRATE = "finish-migrate"
    RESTORE_VM = "restore-vm"
    RUNNING = "running"
    SAVE_VM = "save-vm"
    SHUTDOWN = "shutdown"
    SUSPENDED = "suspended"
    WATCHDOG = "watchdog"
    GUEST_PANICKED = "guest-panicked"
    COLO = "colo"


TRANSITIONS: dict[str, str] = {
    "prelaunch": "inmigrate suspended running finish-migrate",
    "debug": "running finish-migrate prelaunch suspended",
    "inmigrate": "internal-error io-error paused running shutdown suspended watchdog guest-panicked "
    "finish-migrate prelaunch postmigrate colo",
    "internal-error": "paused finish-migrate prelaunch",
    "io-error": "running finish-migrate prelaunch",
    "paused": "running finish-migrate postmigrate prelaunch colo suspended",
    "postmigrate": "running finish-migrate prelaunch",
    "finish-migrate": "running paused postmigrate prelaunch colo internal-error io-error shutdown suspended "
    "watchdog guest-panicked",
    "restore-vm": "running prelaunch suspended",
    "colo": "running prelaunch shutdown",
    "running": "debug internal-error io-error paused finish-migrate restore-vm save-vm shutdown watchdog "
    "guest-panicked colo suspended",
    "save-vm": "running suspended",
    "shutdown": "paused finish-migrate prelaunch colo",
    "suspended": "running finish-migrate prelaunch colo paused save-vm restore-vm shutdown",
    "watchdog": "running finish-migrate prelaunch colo",
    "guest-panicked": "running finish-migrate prelaunch",
}

LEGAL: frozenset[tuple[RunState, RunState]] = frozenset(
    (RunState(a), RunState(b)) for a, targets in TRANSITIONS.items() for b in targets.split()
)
LIVE = frozenset({RunState.RUNNING, RunState.SUSPENDED})
NEEDS_RESET = frozenset({RunState.INTERNAL_ERROR, RunState.SHUTDOWN})


class RunStates:
    """The machine's run state. Starts as prelaunch. changed: called behind each step."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.current = RunState.PRELAUNCH
        self._changed = changed

    @property
    def running(self) -> bool:
        """Whether guest code may run."""
        return self.current is RunState.RUNNING

    @property
    def live(self) -> bool:
        """Running or suspended."""
        return self.current in LIVE

    @property
    def needs_reset(self) -> bool:
        """Whether only a reset leads on."""
        return self.current in NEEDS_RESET

    def set(self, new: RunState) -> None:
        """Go to `new`. An illegal step aborts the process, naming both states."""
        old = self.current
        if old is new:
            return
        if (old, new) not in LEGAL:
            sys.stderr.write(f"invalid runstate transition: '{old.value}' -> '{new.value}'\n")
            sys.stderr.flush()
            os.abort()
        self.current = new
        self._changed()
