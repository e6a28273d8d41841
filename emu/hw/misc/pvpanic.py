"""Panic device: a guest tells its host that it has crashed, by one byte.

Bits of the register: 0 panicked, 1 crashed and a crash kernel takes over, 2 shut down, please. A load gives
those that the guest may use (`events`); stores are not held to them, which is QEMU's way. Of several bits the
lowest counts.
Source: QEMU 10.0's docs/specs/pvpanic; its `pvpanic-mmio` (two bytes wide, each the same register).
"""

from __future__ import annotations

from emu.core.fdt import Node
from emu.hw.platform_bus import DynamicSysBusDevice
from emu.hw.tree import Place, device_node
from emu.qom.device import Category, ResetType
from emu.qom.property import Uint
from emu.qom.types import qom_type
from emu.runstate.happenings import guest_crashloaded, guest_panicked, guest_pvshutdown

PANICKED, CRASH_LOADED, SHUTDOWN = 1, 2, 4
SIZE = 2


@qom_type("pvpanic-mmio")
class PvpanicMmio(DynamicSysBusDevice):
    """No state."""

    category = Category.MISC
    events = Uint("events", 8, PANICKED | CRASH_LOADED)

    def instance_init(self) -> None:
        """Its one register."""
        self._complained = False
        self.init_mmio("pvpanic", SIZE, self, max_access=1)

    def reset_enter(self, kind: ResetType) -> None:
        """A new life may be complained about anew."""
        self._complained = False

    def read(self, off: int, size: int) -> int:
        """The same in each byte."""
        return int.from_bytes(bytes([self.events]) * min(size, SIZE - off), "little")

    def write(self, off: int, size: int, value: int) -> None:
        """A store to each byte, the lowest first."""
        for byte in value.to_bytes(size, "little")[: SIZE - off]:
            self._tell(byte)

    def _tell(self, bits: int) -> None:
        run, log = self.vm.run, self.vm.log
        if bits & ~(PANICKED | CRASH_LOADED | SHUTDOWN) and not self._complained:
            self._complained = True
            log.guest_error(f"pvpanic: unknown event {bits:#x}.")
        if bits & PANICKED:
            guest_panicked(run, log.guest_error)
        elif bits & CRASH_LOADED:
            guest_crashloaded(run, log.guest_error)
        elif bits & SHUTDOWN:
            guest_pvshutdown(run)

    def node(self, parent: Node, place: Place) -> Node:
        """Its device tree node."""
        return device_node(parent, "pvpanic", place, ["qemu,pvpanic-mmio"])
