"""What certain happenings lead to: -action, -no-reboot, -no-shutdown, -watchdog-action, set-action.

Source: BEHAVIOUR 1.6.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class RebootAction(enum.Enum):
    """reboot="""

    RESET = "reset"
    SHUTDOWN = "shutdown"


class ShutdownAction(enum.Enum):
    """shutdown="""

    POWEROFF = "poweroff"
    PAUSE = "pause"


class PanicAction(enum.Enum):
    """panic="""

    PAUSE = "pause"
    SHUTDOWN = "shutdown"
    EXIT_FAILURE = "exit-failure"
    NONE = "none"


class WatchdogAction(enum.Enum):
    """watchdog="""

    RESET = "reset"
    SHUTDOWN = "shutdown"
    POWEROFF = "poweroff"
    PAUSE = "pause"
    DEBUG = "debug"
    NONE = "none"
    INJECT_NMI = "inject-nmi"


@dataclass
class Actions:
    """The actions in force."""

    reboot: RebootAction = RebootAction.RESET
    shutdown: ShutdownAction = ShutdownAction.POWEROFF
    panic: PanicAction = PanicAction.SHUTDOWN
    watchdog: WatchdogAction = WatchdogAction.RESET

    def set(self, said: Mapping[str, str]) -> None:
        """Take over what was said, by name; values are proven by the caller."""
        if "reboot" in said:
            self.reboot = RebootAction(said["reboot"])
        if "panic" in said:
            self.panic = PanicAction(said["panic"])
        if "watchdog" in said:
            self.watchdog = WatchdogAction(said["watchdog"])
        if "shutdown" in said:
            self.shutdown = ShutdownAction(said["shutdown"])
