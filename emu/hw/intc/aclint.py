"""ACLINT SSWI (aclint=on): supervisor software interrupts without the firmware.

Its register is served by harts (`vcpu_worker.hart.clint`); its word is each slot's ssip_set. MSWI and MTIMER
are `clint`.
Source: RISC-V ACLINT 1.0, chapter 4; BEHAVIOUR 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from emu.core.fdt import Node
from emu.hw.intc.clint import SSI, swi_node
from emu.hw.register import Device
from emu.hw.tree import Place


class Sswi(Device):
    """No state of its own."""

    name = "sswi"

    def read(self, off: int, size: int) -> int:
        """No register, or not 4 bytes."""
        self.guest_error(f"sswi: read of {size} bytes at {off:#x}")
        return 0

    def write(self, off: int, size: int, value: int) -> None:
        """No register, or not 4 bytes."""
        self.guest_error(f"sswi: write of {value:#x}, {size} bytes, at {off:#x}")

    def node(self, soc: Node, place: Place, intcs: Sequence[int]) -> Node:
        """Its device tree node."""
        return swi_node(soc, "sswi", place.base, place.size, intcs, SSI)
