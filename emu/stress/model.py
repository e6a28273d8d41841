"""What a machine must do when it is told something: the lifecycle once more, as naively as possible.

It knows nothing of harts, time or processes: state, and what the last life has left. Whoever drives a real
machine asks this one first, and compares.
Source: BEHAVIOUR 1.3, 1.4, 1.7; QEMU 10.0.13 for what comes before a reply: RESET, POWERDOWN and WAKEUP too,
since the reply waits for a turn of the main loop. DESIGN law 5 for harts that are killed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NEEDS_RESET = "Resetting the Virtual Machine is required"
NOT_SUSPENDED = "Unable to wake up: guest is not in suspended state"
NO_WAKEUP = "wake-up from suspend is not supported by this guest"


@dataclass(frozen=True)
class Expected:
    """What a client sees: `before` the reply, the reply's error text ("" for success), `after` it."""

    before: tuple[str, ...] = ()
    error: str = ""
    after: tuple[str, ...] = ()


@dataclass
class Model:
    """A machine. wakes: whether it can be suspended and woken."""

    state: str = "prelaunch"
    wakes: bool = False
    lost: bool = field(default=False)
    _was_suspended: bool = field(default=False)

    @property
    def runs(self) -> bool:
        """Whether guest code runs."""
        return self.state == "running"

    def stop(self) -> Expected:
        """The command `stop`."""
        if self.state not in ("running", "suspended"):
            return Expected()
        self._was_suspended = self.state == "suspended"
        self.state = "paused"
        return Expected(before=("STOP",))

    def cont(self) -> Expected:
        """The command `cont`."""
        if self.lost or self.state in ("internal-error", "shutdown"):
            return Expected(error=NEEDS_RESET)
        if self.state in ("suspended", "running"):
            return Expected()
        self.state = "suspended" if self._was_suspended else "running"
        self._was_suspended = False
        return Expected(before=("RESUME",))

    def system_reset(self) -> Expected:
        """The command `system_reset`."""
        if self.state != "running":
            self.state = "prelaunch"
        self.lost = self._was_suspended = False
        return Expected(before=("RESET",))

    def system_powerdown(self) -> Expected:
        """The command `system_powerdown`, with a guest that does not listen."""
        return Expected(before=("POWERDOWN",))

    def system_wakeup(self) -> Expected:
        """The command `system_wakeup`."""
        if not self.wakes:
            return Expected(error=NO_WAKEUP)
        if self.state != "suspended":
            return Expected(error=NOT_SUSPENDED)
        self.state = "running"
        return Expected(before=("WAKEUP",))

    def guest_suspends(self) -> Expected:
        """The guest goes to sleep."""
        self.state = "suspended"
        return Expected(after=("SUSPEND",))

    def hart_killed(self) -> Expected:
        """A worker gets SIGKILL: one that is stopped is replaced and nothing shows; see law 5."""
        if self.state != "running":
            return Expected()
        self.state = "internal-error"
        self.lost = True
        return Expected(after=("STOP", "X_VCPU_LOST"))
