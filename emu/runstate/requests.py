"""What has been asked of the machine and not been done yet: plain flags, taken by the control.

Rules (BEHAVIOUR 1.2)
- setting a request never does it: it sets a flag and wakes the main loop. Device code, handlers and
  commands may ask from anywhere in the main process;
- the newest request of a kind wins; the control takes each flag once, in its own order.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from emu.errors import UserError
from emu.loop.notify import Caught
from emu.runstate.actions import Actions, RebootAction, ShutdownAction
from emu.runstate.states import RunState, RunStates


class Cause(enum.IntEnum):
    """Why a shutdown or reset happens, in QEMU's order: from GUEST_SHUTDOWN on the guest did it."""

    NONE = 0
    HOST_ERROR = 1
    HOST_QMP_QUIT = 2
    HOST_QMP_SYSTEM_RESET = 3
    HOST_SIGNAL = 4
    HOST_UI = 5
    GUEST_SHUTDOWN = 6
    GUEST_RESET = 7
    GUEST_PANIC = 8
    SUBSYSTEM_RESET = 9
    SNAPSHOT_LOAD = 10

    @property
    def by_guest(self) -> bool:
        """Whether the guest asked for it."""
        return self >= Cause.GUEST_SHUTDOWN

    @property
    def qmp(self) -> str:
        """The name in events."""
        return self.name.lower().replace("_", "-")


class WakeupReason(enum.Enum):
    """Why a suspended machine wakes."""

    RTC = "rtc"
    PMTIMER = "pmtimer"
    OTHER = "other"


class NotSuspended(UserError):
    """A wakeup was asked for, but the guest is not suspended. The text is QEMU's."""

    def __init__(self) -> None:
        super().__init__("Unable to wake up: guest is not in suspended state")


ORDER = ("debug", "suspend", "shutdown", "reset", "wakeup", "powerdown", "vmstop")  # main_loop_should_exit


def _no_hart() -> None:
    """cpu_stop_current where no hart has asked."""


class Requests:
    """The flags. `notify` wakes the main loop.

    stop_current: cpu_stop_current of the harts, for requests that the asking hart must not run past.
    """

    def __init__(self, states: RunStates, actions: Actions, notify: Callable[[], None]) -> None:
        self._states = states
        self._actions = actions
        self._notify = notify
        self.stop_current: Callable[[], None] = _no_hart
        self.any = False  # set with each request, so that a turn without one costs one look
        self.debug = False
        self.suspend = False
        self.shutdown = Cause.NONE
        self.exit_code = 0
        self.signal: Caught | None = None
        self.reset = Cause.NONE
        self.wakeup: WakeupReason | None = None
        self.wakeup_reasons = set(WakeupReason)  # those that are not masked
        self.powerdown = False
        self.vmstop: RunState | None = None

    def _ask(self) -> None:
        self.any = True
        self._notify()

    def debug_request(self) -> None:
        """A hart hit a breakpoint or finished a step."""
        self.debug = True
        self._ask()

    def suspend_request(self) -> None:
        """The guest wants to sleep; nothing if it does."""
        if self._states.current is not RunState.SUSPENDED:
            self.suspend = True
            self.stop_current()
            self._ask()

    def shutdown_request(self, cause: Cause, exit_code: int | None = None) -> None:
        """End the machine. `exit_code`: the process's status, if the guest gave one."""
        if exit_code is not None:
            self.exit_code = exit_code
        self.shutdown = cause
        self._ask()

    def killed(self, caught: Caught) -> None:
        """SIGINT, SIGHUP or SIGTERM came: end, whatever the shutdown action is."""
        self.signal = caught
        self._actions.shutdown = ShutdownAction.POWEROFF
        self.shutdown_request(Cause.HOST_SIGNAL)

    def reset_request(self, cause: Cause) -> None:
        """Reset the machine, or end it if that is what a reboot is to do."""
        if self._actions.reboot is RebootAction.SHUTDOWN and cause is not Cause.SUBSYSTEM_RESET:
            self.shutdown = cause
        else:
            self.reset = cause
        self.stop_current()
        self._ask()

    def wakeup_request(self, reason: WakeupReason) -> None:
        """Wake a suspended machine: the state is running at once; nothing for a reason that is masked.

        Errors: NotSuspended.
        """
        if self._states.current is not RunState.SUSPENDED:
            raise NotSuspended
        if reason not in self.wakeup_reasons:
            return
        self._states.set(RunState.RUNNING)
        self.wakeup = reason
        self._ask()

    def powerdown_request(self) -> None:
        """Press the power button."""
        self.powerdown = True
        self._ask()

    def vmstop_request(self, state: RunState) -> None:
        """Stop the machine in `state`, from where it cannot be stopped at once. The last one wins."""
        self.vmstop = state
        self.stop_current()
        self._ask()

    def pending(self) -> list[str]:
        """What is asked and not done, in the order in which it will be done."""
        return [name for name in ORDER if getattr(self, name) not in (False, None, Cause.NONE)]

    # -- taken by the control, each once

    def take_debug(self) -> bool:
        """Whether it was set; it is not any more."""
        taken, self.debug = self.debug, False
        return taken

    def take_suspend(self) -> bool:
        """As take_debug."""
        taken, self.suspend = self.suspend, False
        return taken

    def take_shutdown(self) -> Cause:
        """The cause, NONE if none was asked for."""
        taken, self.shutdown = self.shutdown, Cause.NONE
        return taken

    def take_signal(self) -> Caught | None:
        """The signal that asked for the shutdown, if one did."""
        taken, self.signal = self.signal, None
        return taken

    def take_reset(self) -> Cause:
        """As take_shutdown."""
        taken, self.reset = self.reset, Cause.NONE
        return taken

    def take_powerdown(self) -> bool:
        """As take_debug."""
        taken, self.powerdown = self.powerdown, False
        return taken

    def take_vmstop(self) -> RunState | None:
        """The state to stop in."""
        taken, self.vmstop = self.vmstop, None
        return taken
