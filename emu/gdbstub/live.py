"""The machine that is there, for the debug server: harts by their slots, run control, the monitor."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from emu.gdbstub.machine import Run
from emu.runstate.control import ResetRequired
from emu.runstate.requests import Cause
from emu.runstate.states import RunState
from emu.workers.breakpoints import set_breakpoints
from emu.workers.hart_state import HartState
from ipc.layout import Exit, Want

if TYPE_CHECKING:
    from emu.emulator import Emulator
    from emu.vm import Vm

WANT = {Run.CONTINUE: Want.RUN, Run.STEP: Want.STEP}
KILLED = "QEMU: Terminated via GDBstub"


class LiveMachine:
    """The machine of an emulator, which has harts (`emu.gdbstub.machine.Machine`)."""

    def __init__(self, e: Emulator, vm: Vm) -> None:
        self._e = e
        self._vm = vm
        self.harts = [HartState(vm, i) for i in range(len(vm.slots))]

    @property
    def running(self) -> bool:
        """Whether a stop would change anything: a suspended machine counts."""
        return self._vm.run.states.live

    @property
    def state(self) -> RunState:
        """The run state."""
        return self._vm.run.states.current

    def stop(self) -> None:
        """Pause it."""
        self._vm.run.vm_stop(RunState.PAUSED)

    def resume(self, how: Mapping[int, Run]) -> bool:
        """Let these harts go on. False: a reset is needed first."""
        run = self._vm.run
        try:
            if run.vm_prepare_start():
                run.resume_only({hart: WANT[each] for hart, each in how.items()})
        except ResetRequired:
            return False
        return True

    def is_halted(self, hart: int) -> bool:
        """Whether the last thing it did was to wait for an interrupt."""
        return self._vm.slots[hart].get("exit_reason") == Exit.SLEEP

    def set_breakpoints(self, addresses: Collection[int]) -> bool:
        """In the table that all harts read."""
        assert self._vm.header is not None
        return set_breakpoints(self._vm.header, self._vm.slots, addresses)

    def set_step_flags(self, flags: int) -> None:
        """For all harts."""
        assert self._vm.header is not None
        self._vm.header.set("sstep", flags)

    def monitor(self, line: str) -> str:
        """By the monitor for people."""
        from emu.monitor.hmp import run_line

        return run_line(self._e, line)

    def terminate(self) -> None:
        """Ask for the end, and say so."""
        self._e.reporter.say(KILLED)
        self._vm.run.requests.shutdown_request(Cause.GUEST_SHUTDOWN, 0)
