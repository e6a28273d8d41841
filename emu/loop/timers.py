"""Clocks and timers of the main loop.

Rules (BEHAVIOUR 2.2)
- a clock's timers are sorted by expiry, first armed first among equals; an expiry is clamped to 0;
- running takes "now" once, removes each expired timer before its callback, and goes on until the head
  lies after that same now: a timer re-armed into it runs again in the same pass;
- VIRTUAL starts disabled (vm_start enables it); a disabled clock has no deadline and runs nothing.

Units: ns for clocks and deadlines; a timer's own unit is its `scale` in ns.
"""

from __future__ import annotations

import enum
import time
from bisect import insort
from collections.abc import Callable

NS, US, MS = 1, 1_000, 1_000_000
NEVER = -1


class ClockType(enum.Enum):
    """QEMU's four clocks."""

    REALTIME = "host monotonic"
    VIRTUAL = "guest time"
    HOST = "host wall clock"
    VIRTUAL_RT = "host monotonic less the time the VM was stopped"


Now = Callable[[], int]


class Clock:
    """One clock and its timers."""

    def __init__(self, kind: ClockType, now_ns: Now, enabled: bool = True) -> None:
        self.kind = kind
        self.now_ns = now_ns
        self.enabled = enabled
        self.armed: list[tuple[int, int, Timer]] = []  # by expiry, then by arming
        self._serial = 0

    def deadline_ns(self) -> int:
        """ns until the first expiry, 0 if it is past; -1 if there is none or the clock is disabled."""
        if not self.armed or not self.enabled:
            return NEVER
        return max(0, self.armed[0][0] - self.now_ns())

    def run(self) -> bool:
        """Run what has expired. Whether anything had."""
        if not self.armed or not self.enabled:
            return False
        now = self.now_ns()
        ran = False
        while self.armed and self.enabled and self.armed[0][0] <= now:
            timer = self.armed.pop(0)[2]
            timer._key = None
            timer.callback()
            ran = True
        return ran

    def _insert(self, timer: Timer, expiry_ns: int) -> tuple[int, int]:
        self._serial += 1
        insort(self.armed, (expiry_ns, self._serial, timer), key=lambda entry: entry[:2])
        return expiry_ns, self._serial

    def _remove(self, key: tuple[int, int]) -> None:
        self.armed = [entry for entry in self.armed if entry[:2] != key]


class Timer:
    """A callback at a time of its clock. `scale`: ns in one unit of the times it is given."""

    def __init__(self, clock: Clock, callback: Callable[[], None], scale: int = NS) -> None:
        self.clock = clock
        self.callback = callback
        self.scale = scale
        self._key: tuple[int, int] | None = None

    @property
    def pending(self) -> bool:
        """Whether it is armed."""
        return self._key is not None

    @property
    def expiry_ns(self) -> int:
        """When it expires, or -1."""
        return NEVER if self._key is None else self._key[0]

    def mod_ns(self, expiry_ns: int) -> None:
        """Arm it for `expiry_ns`, whatever it was armed for."""
        self.cancel()
        self._key = self.clock._insert(self, max(0, expiry_ns))

    def mod(self, expiry: int) -> None:
        """As mod_ns, in the timer's own unit."""
        self.mod_ns(expiry * self.scale)

    def mod_anticipate_ns(self, expiry_ns: int) -> None:
        """Arm it for `expiry_ns` unless it expires earlier anyway."""
        if self._key is None or self._key[0] > expiry_ns:
            self.mod_ns(expiry_ns)

    def cancel(self) -> None:
        """Disarm it; nothing if it is not armed."""
        if self._key is not None:
            self.clock._remove(self._key)
            self._key = None


def soonest(a: int, b: int) -> int:
    """The earlier of two timeouts in ns; -1 (for ever) loses against anything."""
    if a < 0:
        return b
    return a if b < 0 else min(a, b)


class Clocks:
    """The four clocks of a main loop.

    virtual_ns: guest time (ipc.clock.GuestClock.now_ns). VIRTUAL_RT is the same as long as there is no
    icount, which is not built yet.
    """

    def __init__(self, virtual_ns: Now) -> None:
        self.realtime = Clock(ClockType.REALTIME, time.monotonic_ns)
        self.virtual = Clock(ClockType.VIRTUAL, virtual_ns, enabled=False)
        self.host = Clock(ClockType.HOST, time.time_ns)
        self.virtual_rt = Clock(ClockType.VIRTUAL_RT, virtual_ns)
        self.all = (self.realtime, self.virtual, self.host, self.virtual_rt)

    def deadline_ns(self) -> int:
        """ns until the first expiry of any clock, or -1."""
        soon = NEVER
        for clock in self.all:
            if clock.armed:
                soon = soonest(soon, clock.deadline_ns())
        return soon

    def run(self) -> bool:
        """Run all expired timers of all clocks."""
        ran = False
        for clock in self.all:
            if clock.armed:
                ran = clock.run() or ran
        return ran
