"""SiFive test finisher: the guest ends or resets the machine by one store.

Source: BEHAVIOUR 4.6, 1.7 (exit status); SiFive's test device as QEMU's `sifive_test` has it.
"""

from __future__ import annotations

from emu.core.fdt import Node
from emu.hw.register import RegisterDevice, RegisterMap
from emu.hw.tree import Place, device_node
from emu.qom.types import qom_type
from emu.runstate.requests import Cause

PASS, FAIL, RESET = 0x5555, 0x3333, 0x7777


@qom_type("riscv.sifive.test")
class SifiveTest(RegisterDevice):
    """One register, no state."""

    regs = RegisterMap(size=0x1000, access=(2, 4), stride=4)
    name = "riscv.sifive.test"

    @regs.read(0, "FINISH")
    def read_finish(self) -> int:
        """0."""
        return 0

    @regs.write(0, "FINISH")
    def finish(self, value: int) -> None:
        """Low half: what; high half: exit status."""
        what, code = value & 0xFFFF, value >> 16
        requests = self.vm.run.requests
        if what == PASS:
            requests.shutdown_request(Cause.GUEST_SHUTDOWN, code)
        elif what == FAIL:
            requests.shutdown_request(Cause.GUEST_PANIC, code)
        elif what == RESET:
            requests.reset_request(Cause.GUEST_RESET)
        else:
            self.guest_error(f"riscv.sifive.test: write of {value:#x}")

    def node(self, soc: Node, place: Place) -> Node:
        """Its device tree node; reboot and poweroff nodes of the board point to it."""
        return device_node(soc, "test", place, ["sifive,test1", "sifive,test0", "syscon"])
