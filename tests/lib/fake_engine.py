"""An engine of plain Python: its harts follow a program, its natives are not atomic. For protocol tests.

A program is called for each `run` with the hart's slot and gives an Exit. Within one process it may do
the main loop's part as well; in real processes it must look at `wanted_gen` itself, because `event` is
read and written by two Pythons here.
"""

from __future__ import annotations

from collections.abc import Callable

from ipc.layout import Exit, View, Want, slot_offset
from ipc.segment import Control

NEVER = (1 << 64) - 1
FIRST_PC = 0x1000
Program = Callable[[View], Exit]


class FakeEngine:
    """Stands for ipc.engine.Engine. `programs` by hart."""

    dispatch_address = stop_address = tables_address = 0x1000

    def __init__(self, control: Control, programs: list[Program]) -> None:
        self._control = control
        self._programs = programs
        self.calls: list[str] = []
        self.plic: list[tuple[int, int]] = []
        self.pending = 0  # what pending_irq gives
        self.taken: list[int] = []

    def _hart(self, address: int) -> int:
        first, second = slot_offset(0), slot_offset(1)
        return (address - self._control.header_address - first) // (second - first)

    def run(self, address: int) -> int:
        """One slice of the hart's program."""
        hart = self._hart(address)
        slot = self._control.hart(hart)
        slot.set("in_guest", 1)
        reason = self._programs[hart](slot)
        slot.set("in_guest", 0)
        slot.set("exit_reason", reason)
        return reason

    def call(self, name: str, *args: int) -> int:
        """The natives that emu.workers and vcpu_worker use."""
        self.calls.append(name)
        native: Callable[..., int] = getattr(self, f"_{name}")
        return native(*args)

    def _post_event(self, address: int, bits: int) -> int:
        slot = self._control.hart(self._hart(address))
        slot.set("event", slot.get("event") | bits)
        return 0

    def _main_may_sleep(self, header: int, slots: int) -> int:
        harts = [self._control.hart(i) for i in range(self._control.harts)]
        idle = all(s.get("ring_head") == s.get("ring_tail") for s in harts)
        self._control.header.set("main_awake", int(not idle))
        return int(idle)

    def _hart_reset(self, address: int) -> int:
        slot = self._control.hart(self._hart(address))
        slot.set("pc", FIRST_PC)
        slot.set("event", 0)
        return 0

    def _run_step(self, address: int) -> int:
        slot = self._control.hart(self._hart(address))
        assert slot.get("mmio_ready") or slot.get("wanted") == Want.STEP, "nothing to finish"
        return self.run(address)

    def _pending_irq(self, address: int) -> int:
        return self.pending

    def _interrupt_enter(self, address: int, irq: int) -> int:
        self.taken.append(irq)
        return 0

    def _prepare_sleep(self, address: int) -> int:
        slot = self._control.hart(self._hart(address))
        slot.set("asleep", 1)
        if slot.get("event"):
            slot.set("asleep", 0)
            return 0
        return 1

    def _sleep_over(self, address: int) -> int:
        return int(self._control.hart(self._hart(address)).get("event") != 0)

    def _end_sleep(self, address: int) -> int:
        self._control.hart(self._hart(address)).set("asleep", 0)
        return 0

    def _sleep_ns(self, address: int) -> int:
        return NEVER

    def _plic_set_level(self, header: int, slots: int, source: int, level: int) -> int:
        self.plic.append((source, level))
        return (1 << min(self._control.harts, 64)) - 1 if level else 0

    def _plic_sleepers(self, header: int, slots: int, source: int, first: int) -> int:
        return (1 << min(self._control.harts - first, 64)) - 1
