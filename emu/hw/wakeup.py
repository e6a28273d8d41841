"""What wakes a suspended machine: sources of a board, each a condition that a device can tell at any time.

Rules
- a source is a level, as an interrupt line is: what comes between the guest's call and the machine's sleep,
  or while a sleeping machine is stopped by a client, wakes it as soon as it sleeps (again). A request alone
  would be refused there, and lost;
- a device calls its source whenever the condition may have become true; before its board has made one, it
  calls nothing (`never`);
- who asks first says why: the machine runs from then on.
Source: BEHAVIOUR 1.2, 1.3. QEMU's serial ports and clocks ask by themselves (qemu_system_wakeup_request).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.runstate.requests import WakeupReason
from emu.runstate.states import RunState

if TYPE_CHECKING:
    from emu.loop.deferred import Deferred
    from emu.runstate.control import VmControl

Source = Callable[[], None]


def never() -> None:
    """The source of a device that wakes nobody."""


class WakeupSources:
    """The sources of one machine, which has what it takes to sleep and to wake."""

    def __init__(self, run: VmControl, deferred: Deferred) -> None:
        self._run = run
        self._sources: list[Source] = []
        # When the machine is told that it sleeps it does not yet: look on the next turn
        self._look = deferred.new(self._look_at_all)
        run.support_wakeup()
        run.on_suspend(self._look.schedule)
        run.on_change(self._run_changed)

    def add(self, reason: WakeupReason, wants: Callable[[], bool]) -> Source:
        """One more: its device calls what this returns. wants: whether the machine is to be woken."""

        def source() -> None:
            if self._run.states.current is RunState.SUSPENDED and wants():
                self._run.requests.wakeup_request(reason)

        self._sources.append(source)
        return source

    def _run_changed(self, _running: bool, state: RunState) -> None:
        if state is RunState.SUSPENDED:
            self._look.schedule()  # it was stopped in its sleep, and goes on sleeping

    def _look_at_all(self) -> None:
        for source in self._sources:
            source()
