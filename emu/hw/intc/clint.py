"""CLINT and ACLINT: what of them is not compiled. Tree nodes, the words at reset, the odd access.

Registers are `vcpu_worker.hart.clint`, on words of the control object; harts serve their own accesses. What
comes here is an access to no register or of a wrong width: logged, read as 0.
CLINT and ACLINT (MSWI and MTIMER) have the same addresses; only tree nodes, and the SSWI, tell them apart.
Source: RISC-V ACLINT 1.0, chapters 2-4; BEHAVIOUR 4.2, 4.3, 4.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from emu.core.fdt import Node
from emu.hw.register import Device
from emu.hw.tree import Place
from ipc.layout import View

SSI, MSI, MTI = 1, 3, 7
MTIMER_OFF, MSWI_SIZE = 0x4000, 0x4000
MTIMECMP_SIZE, MTIME_OFF, MTIME_SIZE = 0x7FF8, 0xBFF8, 0x4008


def _extended(intcs: Sequence[int], *causes: int) -> list[int]:
    return [cell for intc in intcs for cause in causes for cell in (intc, cause)]


class Clint(Device):
    """The CLINT, or with `aclint` the MSWI and MTIMER in its place. slots: each hart's slot."""

    name = "clint"

    def __init__(self, header: View, slots: Sequence[View], aclint: bool = False) -> None:
        super().__init__()
        self._header = header
        self._slots = slots
        self._aclint = aclint

    def reset(self) -> None:
        """No software interrupt pending. mtime goes to 0 by `restart`; compare values stay, as in QEMU."""
        for slot in self._slots:
            slot.set("msip", 0)
            slot.set("ssip_set", 0)

    def restart(self, guest_ns: int) -> None:
        """Make mtime 0 at guest time `guest_ns`. The harts are stopped."""
        frequency = self._header.get("mtime_freq")
        ticks = guest_ns * frequency // 1_000_000_000
        self._header.set("mtime_delta", -ticks & ((1 << 64) - 1))

    def read(self, off: int, size: int) -> int:
        """No register, or of a width it has not."""
        self.guest_error(f"{self.name}: read of {size} bytes at {off:#x}")
        return 0

    def write(self, off: int, size: int, value: int) -> None:
        """No register, or of a width it has not."""
        self.guest_error(f"{self.name}: write of {value:#x}, {size} bytes, at {off:#x}")

    def node(self, soc: Node, place: Place, intcs: Sequence[int]) -> None:
        """Its device tree nodes, in QEMU's order. intcs: phandle of each hart's interrupt controller."""
        base = place.base
        if not self._aclint:
            made = soc.add(f"clint@{base:x}")
            made.cells("interrupts-extended", *_extended(intcs, MSI, MTI)).u64("reg", base, place.size)
            made.strings("compatible", "sifive,clint0", "riscv,clint0")
            return
        timer = soc.add(f"mtimer@{base + MTIMER_OFF:x}")
        timer.cells("interrupts-extended", *_extended(intcs, MTI))
        timer.u64("reg", base + MTIME_OFF, MTIME_SIZE, base + MTIMER_OFF, MTIMECMP_SIZE)
        timer.strings("compatible", "riscv,aclint-mtimer")
        swi_node(soc, "mswi", base, MSWI_SIZE, intcs, MSI)


def swi_node(soc: Node, kind: str, base: int, size: int, intcs: Sequence[int], cause: int) -> Node:
    """Tree node of an ACLINT software interrupt device: `kind` is mswi or sswi."""
    made = soc.add(f"{kind}@{base:x}").cells("#interrupt-cells", 0).flag("interrupt-controller")
    made.cells("interrupts-extended", *_extended(intcs, cause)).u64("reg", base, size)
    return made.strings("compatible", f"riscv,aclint-{kind}")
