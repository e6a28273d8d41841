"""SiFive test finisher: the guest ends or resets the machine by one store.

Source: BEHAVIOUR 4.6, 1.7 (exit status); SiFive's test device as QEMU's `sifive_test` has it.
"""

from __future__ import annotations

from typing import Protocol

from emu.core.fdt import Node
from emu.hw.register import Device, RegisterMap
from emu.hw.tree import Place, device_node

PASS, FAIL, RESET = 0x5555, 0x3333, 0x7777


class PowerSwitch(Protocol):
    """What the finisher may ask of the machine."""

    def guest_shutdown(self, code: int) -> None:
        """End with exit status `code`; the guest did well."""
        ...

    def guest_failed(self, code: int) -> None:
        """End with exit status `code`; the guest says it failed."""
        ...

    def guest_reset(self) -> None:
        """Begin again."""
        ...


class SifiveTest(Device):
    """One register, no state."""

    regs = RegisterMap(size=0x1000, access=(2, 4), stride=4)
    name = "sifive_test"

    def __init__(self, switch: PowerSwitch) -> None:
        super().__init__()
        self._switch = switch

    @regs.read(0, "FINISH")
    def read_finish(self) -> int:
        """0."""
        return 0

    @regs.write(0, "FINISH")
    def finish(self, value: int) -> None:
        """Low half: what; high half: exit status."""
        what, code = value & 0xFFFF, value >> 16
        if what == PASS:
            self._switch.guest_shutdown(code)
        elif what == FAIL:
            self._switch.guest_failed(code)
        elif what == RESET:
            self._switch.guest_reset()
        else:
            self.guest_error(f"sifive_test: write of {value:#x}")

    def node(self, soc: Node, place: Place) -> Node:
        """Its device tree node; reboot and poweroff nodes of the board point to it."""
        return device_node(soc, "test", place, ["sifive,test1", "sifive,test0", "syscon"])
