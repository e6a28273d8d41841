"""The platform bus: where devices of the command line that sit on the system bus get address and interrupt.

A board has a window of addresses and a few interrupt inputs for them; a device takes the first free place
that is aligned to its size, and the first free inputs. Its node in the device tree stands below the bus' own.
Rule: only a `dynamic-sysbus-device` comes here, on a machine that has such a bus
(`MachineState.dynamic_sysbus`); all others have a place of the board's.
Source: BEHAVIOUR 4.1, 4.2, 4.3; QEMU 10.0's `platform-bus-device`, its placement and texts.
"""

from __future__ import annotations

from emu.core.fdt import Node
from emu.core.irq import Line
from emu.errors import UserError
from emu.hw.memory_region import MemoryRegion
from emu.hw.register import RegisterDevice
from emu.hw.sysbus import SYSBUS_IRQ, SysBusDevice
from emu.hw.tree import Place
from emu.qom.irq import Irq
from emu.qom.property import Uint
from emu.qom.types import qom_type


@qom_type("dynamic-sysbus-device", abstract=True)
class DynamicSysBusDevice(RegisterDevice):
    """A device that users may put on a board with a platform bus."""

    user_creatable = True

    def node(self, parent: Node, place: Place) -> Node:
        """Its device tree node."""
        raise NotImplementedError


@qom_type("platform-bus-device")
class PlatformBus(SysBusDevice):
    """devices: by offset in the window."""

    num_irqs = Uint("num_irqs", 32)
    mmio_size = Uint("mmio_size", 32)

    def instance_init(self) -> None:
        """Empty."""
        self.devices: dict[int, tuple[DynamicSysBusDevice, int]] = {}  # and the number of its first line
        self._taken: list[tuple[int, int]] = []
        self._node: Node | None = None
        self._place = Place(0, 0)
        self._lines = 0

    def realize(self) -> None:
        """The window, and a line for each interrupt."""
        self.window = self.add_child("platform bus[*]", MemoryRegion("platform bus", self.mmio_size))
        for n in range(self.num_irqs):
            self.init_irq(Line(f"platform bus {n}"))

    def map_mmio(self, n: int, gpa: int) -> None:
        """The window itself answers nothing: only devices in it do."""
        assert n == 0
        self.window.addr = gpa

    def link(self, device: DynamicSysBusDevice) -> None:
        """Give a realized device its place. Errors: UserError without room, and nothing is done."""
        lines = device.outputs.get(SYSBUS_IRQ, [])
        first = self._lines
        if first + len(lines) > self.num_irqs:
            raise UserError("Platform Bus: Can not fit IRQ line")
        places = []
        for region in device.mmio:
            off = self._free(region.size)
            self._taken.append((off, off + region.size))
            places.append(off)
        assert self.window.addr is not None
        for n, off in enumerate(places):
            device.map_mmio(n, self.window.addr + off)
        for n in range(len(lines)):
            irq = self.outputs[SYSBUS_IRQ][first + n].irq
            assert isinstance(irq, Irq)
            device.connect_irq(n, irq)
        self._lines += len(lines)
        self.devices[places[0]] = device, first

    def _free(self, size: int) -> int:
        step = 1 << (size - 1).bit_length()
        for off in range(0, self.mmio_size - size + 1, step):
            if all(off + size <= low or high <= off for low, high in self._taken):
                return off
        raise UserError(f"Platform Bus: Can not fit MMIO region of size {size:x}")

    def node(self, parent: Node, place: Place) -> Node:
        """Its device tree node; `add_device_nodes` completes it when the devices are there."""
        made = parent.add(f"platform-bus@{place.base:x}").cells("interrupt-parent", place.intc)
        made.cells("ranges", 0, place.base >> 32, place.base & 0xFFFF_FFFF, place.size)
        made.cells("#address-cells", 1).cells("#size-cells", 1)
        made.strings("compatible", "qemu,platform", "simple-bus")
        self._node, self._place = made, place
        return made

    def add_device_nodes(self) -> None:
        """The nodes of its devices, newest first as in QEMU's trees; nothing in a tree of the user's."""
        if self._node is None:
            return
        for off, (device, line) in reversed(self.devices.items()):
            size = device.mmio[0].size
            source = self._place.source + line if device.outputs.get(SYSBUS_IRQ) else 0
            made = device.node(self._node, Place(off, size, source, self._place.intc))
            made.cells("reg", off, size)  # addresses are offsets in the window, one cell each
