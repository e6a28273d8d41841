"""PLIC: what of it is not compiled. Lines in, tree node, reset, and the answer to accesses no hart serves.

Registers and claim logic are `vcpu_worker.hart.plic`, on words of the control object; harts serve their own
accesses. What comes here is an access to no register or of a wrong width: logged, read as 0.
Source: RISC-V PLIC 1.0.0; BEHAVIOUR 4.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.core.fdt import Node
from emu.core.irq import Sink
from emu.hw.register import Device
from emu.hw.tree import Place
from ipc.layout import PLIC_SOURCES

MEIP, SEIP = 11, 9


class Plic(Device):
    """set_level(source, level): the compiled function that stores a line's level and wakes harts.
    reset_words(): the one that empties all words; lines keep their level."""

    name = "plic"

    def __init__(self, set_level: Callable[[int, bool], None], reset_words: Callable[[], None]) -> None:
        super().__init__()
        self._set_level = set_level
        self._reset_words = reset_words

    def input(self, source: int) -> Sink:
        """What a device's line for `source` (1..95) is connected to."""
        assert 0 < source < PLIC_SOURCES

        def sink(level: bool) -> None:
            self._set_level(source, level)

        return sink

    def reset(self) -> None:
        """All words 0. The harts are stopped."""
        self._reset_words()

    def read(self, off: int, size: int) -> int:
        """No register, or not 4 bytes."""
        self.guest_error(f"plic: read of {size} bytes at {off:#x}")
        return 0

    def write(self, off: int, size: int, value: int) -> None:
        """No register, or not 4 bytes."""
        self.guest_error(f"plic: write of {value:#x}, {size} bytes, at {off:#x}")

    def node(self, soc: Node, place: Place, intcs: Sequence[int]) -> Node:
        """Its device tree node. intcs: phandle of each hart's interrupt controller."""
        made = soc.add(f"plic@{place.base:x}")
        made.cells("phandle", place.phandle).cells("riscv,ndev", PLIC_SOURCES - 1)
        made.u64("reg", place.base, place.size)
        made.cells("interrupts-extended", *(c for intc in intcs for c in (intc, MEIP, intc, SEIP)))
        made.flag("interrupt-controller").strings("compatible", "sifive,plic-1.0.0", "riscv,plic0")
        return made.cells("#address-cells", 0).cells("#interrupt-cells", 1)
