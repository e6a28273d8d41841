"""PLIC: what of it is not compiled. Lines in, tree node, reset, and the answer to accesses no hart serves.

Registers and claim logic are `vcpu_worker.hart.plic`, on words of the control object; harts serve their own
accesses. What comes here of harts is an access to no register or of a wrong width: logged, read as 0.
Accesses of qtest and monitors are served by the same compiled code (`inhart`).
Source: RISC-V PLIC 1.0.0; BEHAVIOUR 4.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from emu.core.fdt import Node
from emu.hw.register import RegisterDevice
from emu.hw.tree import Place
from emu.qom.device import ResetType
from emu.qom.property import Text, Uint
from emu.qom.types import qom_type
from ipc.layout import PLIC_SOURCES

MEIP, SEIP = 11, 9
SIZE = 0x60_0000


@qom_type("riscv.sifive.plic")
class Plic(RegisterDevice):
    """Inputs 1..95 by number; a set goes to the compiled function that stores the level and wakes harts."""

    hart_lines = (MEIP, SEIP)
    hart_config = Text("hart-config")
    hartid_base = Uint("hartid-base", 32)
    num_sources = Uint("num-sources", 32, PLIC_SOURCES)
    num_priorities = Uint("num-priorities", 32, 7)
    priority_base = Uint("priority-base", 32)
    pending_base = Uint("pending-base", 32, 0x1000)
    enable_base = Uint("enable-base", 32, 0x2000)
    enable_stride = Uint("enable-stride", 32, 0x80)
    context_base = Uint("context-base", 32, 0x20_0000)
    context_stride = Uint("context-stride", 32, 0x1000)
    aperture_size = Uint("aperture-size", 32, SIZE)

    def realize(self) -> None:
        """One region, an input for each source."""
        self.init_mmio(self.qom_name, SIZE, self)
        self.init_gpio_in(PLIC_SOURCES, self.vm.plic_set)

    def reset_enter(self, kind: ResetType) -> None:
        """All words 0, before devices drive their lines again. The harts are stopped."""
        self.vm.engine.call("plic_reset", self.vm.control.header_address)

    def read(self, off: int, size: int) -> int:
        """From qtest or a monitor; from a hart only what is no register, or not 4 bytes."""
        value = self.vm.inhart.load(self.gpa + off, size)
        if value is None:
            self.guest_error(f"{self.qom_name}: read of {size} bytes at {off:#x}")
        return value or 0

    def write(self, off: int, size: int, value: int) -> None:
        """As `read`."""
        if not self.vm.inhart.store(self.gpa + off, size, value):
            self.guest_error(f"{self.qom_name}: write of {value:#x}, {size} bytes, at {off:#x}")

    def node(self, soc: Node, place: Place, intcs: Sequence[int]) -> Node:
        """Its device tree node. intcs: phandle of each hart's interrupt controller."""
        made = soc.add(f"plic@{place.base:x}")
        made.cells("phandle", place.phandle).cells("riscv,ndev", PLIC_SOURCES - 1)
        made.u64("reg", place.base, place.size)
        made.cells("interrupts-extended", *(c for intc in intcs for c in (intc, MEIP, intc, SEIP)))
        made.flag("interrupt-controller").strings("compatible", "sifive,plic-1.0.0", "riscv,plic0")
        return made.cells("#address-cells", 0).cells("#interrupt-cells", 1)
