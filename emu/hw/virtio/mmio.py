"""virtio-mmio transport with nothing in its slot.

A driver that finds device id 0 leaves the slot alone. Magic, version and vendor are valid, everything else
reads 0, writes are ignored. Registers take 4-byte accesses, the configuration space any.
Source: virtio 1.2, 4.2.2 and 4.2.4 (legacy); BEHAVIOUR 4.6.
"""

from __future__ import annotations

from emu.core.fdt import Node
from emu.core.irq import OutLine
from emu.hw.register import RegisterDevice, RegisterMap
from emu.hw.tree import Place, device_node
from emu.qom.property import Bool
from emu.qom.types import qom_type

MAGIC = 0x7472_6976  # "virt"
VENDOR = 0x554D_4551  # "QEMU"
CONFIG = 0x100


@qom_type("virtio-mmio")
class VirtioMmio(RegisterDevice):
    """An empty slot."""

    regs = RegisterMap(size=0x200, access=(4,), stride=4)
    irq = OutLine("virtio")
    name = "virtio-mmio"

    force_legacy = Bool("force-legacy", True)

    def realize(self) -> None:
        """The line."""
        self.init_irq(self.irq)

    @regs.read(0x00, "MagicValue")
    def magic(self) -> int:
        """ "virt" in ASCII, little-endian."""
        return MAGIC

    @regs.read(0x04, "Version")
    def version(self) -> int:
        """1 legacy, 2 modern."""
        return 1 if self.force_legacy else 2

    @regs.read(0x0C, "VendorID")
    def vendor(self) -> int:
        """ "QEMU" in ASCII, little-endian: guests may look at it."""
        return VENDOR

    def read(self, off: int, size: int) -> int:
        """The three registers; everything else is 0."""
        if off >= CONFIG:
            return 0
        if size != 4:
            self.guest_error(f"virtio-mmio: read of {size} bytes at {off:#x}: bad width")
            return 0
        return super().read(off, size) if off in self.regs.registers else 0

    def write(self, off: int, size: int, value: int) -> None:
        """Nothing is there to take it."""
        if off < CONFIG and size != 4:
            self.guest_error(f"virtio-mmio: write of {size} bytes at {off:#x}: bad width")

    def node(self, soc: Node, place: Place) -> Node:
        """Its device tree node."""
        return device_node(soc, "virtio_mmio", place, ["virtio,mmio"])
