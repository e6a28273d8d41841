"""Devices on the system bus: memory at fixed addresses, lines to the interrupt controller.

Order on a board: make, set properties, `realize_on(sysbus)`, `map_mmio`, `connect_irq`.
Source: BEHAVIOUR 4.1; the names sysbus-irq[N] and NAME[N] are QEMU's.
"""

from __future__ import annotations

from emu.core.address_space import Decoder
from emu.core.irq import Line
from emu.hw.memory_region import MemoryRegion
from emu.qom.device import Device
from emu.qom.irq import Irq
from emu.qom.types import qom_type

SYSBUS_IRQ = "sysbus-irq"


@qom_type("sys-bus-device", abstract=True)
class SysBusDevice(Device):
    """mmio: its regions, in the order of their declaration. Not made by users, unless a machine allows it."""

    user_creatable = False
    hotpluggable = False
    bus_type = "System"

    def instance_init(self) -> None:
        """Nothing decoded yet."""
        self.mmio: list[MemoryRegion] = []

    def init_mmio(self, name: str, size: int, decoder: Decoder, max_access: int = 4) -> MemoryRegion:
        """One more region."""
        region = self.add_child(f"{name}[*]", MemoryRegion(name, size, decoder, max_access))
        self.mmio.append(region)
        return region

    def init_irq(self, line: Line) -> None:
        """One more output line."""
        self.init_gpio_out(line, SYSBUS_IRQ)

    def map_mmio(self, n: int, gpa: int) -> None:
        """Let region `n` answer at `gpa`."""
        region = self.mmio[n]
        assert region.decoder is not None
        assert region.addr is None
        region.addr = gpa
        self.vm.space.add(gpa, region.size, region.name, region.decoder, region.max_access)

    @property
    def gpa(self) -> int:
        """Where its first region is mapped."""
        addr = self.mmio[0].addr
        assert addr is not None
        return addr

    def connect_irq(self, n: int, irq: Irq) -> None:
        """Connect output line `n`."""
        self.connect_gpio_out(n, irq, SYSBUS_IRQ)
